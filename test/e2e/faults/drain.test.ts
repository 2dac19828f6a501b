import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, inject, test } from 'vitest';
import { startHeldUpstream } from '../../support/faults/held-upstream.ts';
import { type TcpProxy, startTcpProxy } from '../../support/faults/tcp-proxy.ts';
import { type Program, startCommand, startProgram } from '../../support/processes.ts';
import { spawnUpstream } from '../../support/upstream/spawn.ts';
import { openFleet, until } from '../fleet.ts';

const graceMs = 2000;
const env = { SLUICE_LOCK_DURATION: '5s', SLUICE_STALLED_INTERVAL: '1s', SLUICE_GRACE: `${graceMs}ms` };
const queue = 'api';
const policy = { egress: { allow: ['127.0.0.0/8'] } };

/** Signals a worker. @returns how it ended, and ms that it took */
async function end(worker: Program, signal: NodeJS.Signals = 'SIGTERM'): Promise<[number | null, number]> {
  const begun = performance.now();
  worker.signal(signal);
  const { code } = await worker.exit();
  return [code, performance.now() - begun];
}

/** A proxy in front of the run's Redis, and the variables of a worker that goes through it. */
async function shakyRedis() {
  const { hostname, port } = new URL(inject('redisUrl'));
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  return { proxy, through: { SLUICE_REDIS_URL: `redis://${proxy.host}:${proxy.port}` } };
}

/** Whether processes can be given process numbers of their own here. */
const namespaces = spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;

function startAsProcess1(variables: Record<string, string>): Program {
  const worker = [process.execPath, '--conditions=sluice-source', 'packages/worker/src/main.ts'];
  return startCommand('unshare', ['--pid', '--fork', '--kill-child', ...worker], { env: variables });
}

/** The number of what it started, as it is here. */
function childOf({ pid }: Program): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}

describe('a worker that is told to end', () => {
  test('finishes what fits in the grace, gives the rest back to the front, and repeats nothing that it finished', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, { ...env, SLUICE_CONCURRENCY: '4' });
    await fleet.client.policies.set(queue, policy);
    const enqueue = (id: string) => fleet.client.enqueue({ url: `${upstream.url}/${id}`, id }, { queue });
    const taken = await Promise.all(['short-1', 'short-2', 'long-1', 'long-2'].map(enqueue));
    await until(() => upstream.requests.length === 4);
    const backlog = await Promise.all(Array.from({ length: 10 }, (_, n) => enqueue(`later-${n}`)));

    const ending = end(fleet.workers[0]!);
    setTimeout(
      () => upstream.requests.forEach((request) => request.path.startsWith('/short') && request.answer()),
      graceMs / 2,
    );
    const [code, ms] = await ending;
    expect(code).toBe(0);
    expect(ms).toBeGreaterThan(graceMs - 50);
    expect(ms).toBeLessThan(graceMs + 1000);
    // Nothing of the backlog was taken meanwhile.
    expect(upstream.requests).toHaveLength(4);
    const bull = fleet.keys.bull(queue);
    for (const id of ['long-1', 'long-2']) {
      expect((await fleet.redis.hget(bull.job(id), 'atm')) ?? '0').toBe('0');
      expect(await fleet.redis.exists(bull.lock(id))).toBe(0);
    }
    expect((await fleet.redis.lrange(bull.wait, -2, -1)).sort()).toEqual(['long-1', 'long-2']);

    upstream.answers = () => true;
    await fleet.startWorker();
    for (const handle of [...taken, ...backlog]) {
      expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    }
    const later = upstream.requests.slice(4).map(({ path }) => path);
    expect(later.slice(0, 2).sort()).toEqual(['/long-1', '/long-2']);
    expect(later).toHaveLength(12);
    expect(new Set(later).size).toBe(12);
    // The given-back were cut off at the upstream, the finished were not.
    expect(
      upstream.requests
        .filter(({ leftAt }) => leftAt !== undefined)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['/long-1', '/long-2']);
  }, 30_000);

  test('ends when its last request does, not later', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, { ...env, SLUICE_GRACE: '20s' });
    await fleet.client.policies.set(queue, policy);
    const handle = await fleet.client.enqueue({ url: upstream.url }, { queue });
    await until(() => upstream.requests.length === 1);
    const ending = end(fleet.workers[0]!, 'SIGINT');
    setTimeout(() => upstream.requests[0]!.answer(), 300);
    const [code, ms] = await ending;
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2000);
    expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
  }, 30_000);

  test('twice gives everything back at once', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, { ...env, SLUICE_GRACE: '20s', SLUICE_LOG_LEVEL: 'info' });
    await fleet.client.policies.set(queue, policy);
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => fleet.client.enqueue({ url: `${upstream.url}/${n}` }, { queue })),
    );
    await until(() => upstream.requests.length === 40);
    const [worker] = fleet.workers;
    worker!.signal('SIGTERM');
    await worker!.line('draining');
    const [code, ms] = await end(worker!);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1000);
    expect(await fleet.redis.llen(fleet.keys.bull(queue).wait)).toBe(40);
  }, 30_000);

  test('while its queue has no permits for an hour, or is held, ends at once', async () => {
    await using upstream = await spawnUpstream();
    await using fleet = await openFleet(1, env);
    await fleet.client.policies.set('limited', { ...policy, rate: '1/1h' });
    await fleet.client.policies.set('held', { ...policy, origin: upstream.url });
    const urls = { limited: `${upstream.url}/json`, held: `${upstream.url}/status/429?retryAfter=60` };
    for (const [name, url] of Object.entries(urls)) {
      await Promise.all([1, 2, 3].map(() => fleet.client.enqueue({ url }, { queue: name })));
      await until(async () => Number(await fleet.redis.hget(fleet.keys.stats(name), 'sent')) > 0);
    }
    await until(async () => (await fleet.redis.zcard(fleet.keys.holds('held'))) === 1);
    const [code, ms] = await end(fleet.workers[0]!);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1000);
  }, 30_000);

  test('while it starts ends at once', async () => {
    const { proxy, through } = await shakyRedis();
    await using _ = proxy;
    proxy.stall();
    await using worker = startProgram('packages/worker/src/main.ts', [], {
      env: { ...through, SLUICE_PREFIX: '{starting}', SLUICE_HEALTH_PORT: '0', SLUICE_GRACE: '20s' },
    });
    await until(() => proxy.connections > 0);
    const [code, ms] = await end(worker);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1000);
  }, 30_000);

  test.skipIf(!namespaces)(
    'as process 1, as in a container, heeds the signal all the same: while it starts, and when it serves',
    async () => {
      await using upstream = await startHeldUpstream();
      const { proxy, through } = await shakyRedis();
      await using _ = proxy;
      await using fleet = await openFleet(0);
      await fleet.client.policies.set(queue, policy);
      const variables = { ...env, ...through, SLUICE_PREFIX: fleet.prefix, SLUICE_HEALTH_PORT: '0' };

      proxy.stall();
      await using starting = startAsProcess1(variables);
      await until(() => proxy.connections > 0);
      const stopped = performance.now();
      process.kill(childOf(starting), 'SIGTERM');
      expect((await starting.exit()).code).toBe(0);
      expect(performance.now() - stopped).toBeLessThan(1000);

      proxy.heal();
      await using serving = startAsProcess1(variables);
      const handle = await fleet.client.enqueue({ url: upstream.url }, { queue });
      await until(() => upstream.requests.length === 1);
      process.kill(childOf(serving), 'SIGTERM');
      await serving.line('draining');
      upstream.requests[0]!.answer();
      expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
      expect((await serving.exit()).code).toBe(0);
    },
    30_000,
  );

  test.each([
    ['refuses connections', (proxy: TcpProxy) => (proxy.refuse(), proxy.cut())],
    ['is silent', (proxy: TcpProxy) => proxy.stall()],
  ])(
    'while Redis %s ends within the grace and a second; what was in flight runs elsewhere',
    async (_how, breakIt) => {
      await using upstream = await startHeldUpstream();
      const { proxy, through } = await shakyRedis();
      await using _ = proxy;
      await using fleet = await openFleet(0, env);
      await fleet.client.policies.set(queue, policy);
      const cutOff = await fleet.startWorker(through);
      const handle = await fleet.client.enqueue({ url: upstream.url }, { queue });
      await until(() => upstream.requests.length === 1);
      const idle = await fleet.startWorker(through);
      breakIt(proxy);
      const [[code, ms], [, idleMs]] = await Promise.all([end(cutOff), end(idle)]);
      expect(code).toBe(1);
      expect(ms).toBeLessThan(graceMs + 1000);
      expect(idleMs).toBeLessThan(1000);
      upstream.answers = () => true;
      await fleet.startWorker();
      expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    },
    30_000,
  );

  test('while Redis is away for a moment still reports what it finished', async () => {
    await using upstream = await startHeldUpstream();
    const { proxy, through } = await shakyRedis();
    await using _ = proxy;
    await using fleet = await openFleet(0, { ...env, SLUICE_GRACE: '15s' });
    await fleet.client.policies.set(queue, policy);
    const worker = await fleet.startWorker(through);
    const handle = await fleet.client.enqueue({ url: upstream.url }, { queue });
    await until(() => upstream.requests.length === 1);
    proxy.refuse();
    proxy.cut();
    const ending = end(worker);
    upstream.requests[0]!.answer();
    setTimeout(() => proxy.heal(), 1000);
    expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    const [code] = await ending;
    expect(code).toBe(0);
    expect(upstream.requests).toHaveLength(1);
  }, 30_000);
});
