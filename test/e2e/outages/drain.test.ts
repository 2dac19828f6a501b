import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startHeldUpstream } from '../../lab/faults/held-upstream.ts';
import type { TcpProxy } from '../../lab/faults/tcp-proxy.ts';
import { type Program, startCommand } from '../../lab/processes.ts';
import { spawnUpstream } from '../../lab/upstream/spawn.ts';
import { openFleet, until } from '../fleet.ts';
import { end, env, graceMs, policy, queue, shakyRedis } from '../scenes/drain.ts';

/** Of a worker that must not use it: whoever did would not have ended when the test's patience does. */
const unused = { ...env, SLUICE_GRACE: '300s' };

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

describe('a worker that is told to stop', () => {
  test('ends when its last request does, not later', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, { ...unused, SLUICE_LOG_LEVEL: 'info' });
    await fleet.client.policies.set(queue, policy);
    const handle = await fleet.client.enqueue({ url: upstream.url }, { queue });
    await until(() => upstream.requests.length === 1);
    const ending = end(fleet.workers[0]!, 'SIGINT');
    await fleet.workers[0]!.line('draining');
    upstream.requests[0]!.answer();
    const [code] = await ending;
    expect(code).toBe(0);
    expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
  });

  test('twice gives everything back at once', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, { ...unused, SLUICE_LOG_LEVEL: 'info' });
    await fleet.client.policies.set(queue, policy);
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => fleet.client.enqueue({ url: `${upstream.url}/${n}` }, { queue })),
    );
    await until(() => upstream.requests.length === 40);
    const [worker] = fleet.workers;
    worker!.signal('SIGTERM');
    await worker!.line('draining');
    const [code] = await end(worker!);
    expect(code).toBe(0);
    expect(await fleet.redis.llen(fleet.keys.bull(queue).wait)).toBe(40);
  });

  test('while its queue has no permits for an hour, or is held, ends at once', async () => {
    await using upstream = await spawnUpstream();
    await using fleet = await openFleet(1, unused);
    await fleet.client.policies.set('limited', { ...policy, rate: '1/1h' });
    await fleet.client.policies.set('held', { ...policy, origin: upstream.url });
    const urls = { limited: `${upstream.url}/json`, held: `${upstream.url}/status/429?retryAfter=60` };
    for (const [name, url] of Object.entries(urls)) {
      await Promise.all([1, 2, 3].map(() => fleet.client.enqueue({ url }, { queue: name })));
      await until(async () => Number(await fleet.redis.hget(fleet.keys.stats(name), 'sent')) > 0);
    }
    await until(async () => (await fleet.redis.zcard(fleet.keys.holds('held'))) === 1);
    const [code] = await end(fleet.workers[0]!);
    expect(code).toBe(0);
  });

  test.skipIf(!namespaces)(
    'as process 1, as in a container, obeys the signal, too: while it starts, and when it serves',
    async () => {
      await using upstream = await startHeldUpstream();
      const { proxy, through } = await shakyRedis();
      await using _ = proxy;
      await using fleet = await openFleet(0);
      await fleet.client.policies.set(queue, policy);
      const variables = { ...unused, ...through, SLUICE_PREFIX: fleet.prefix, SLUICE_HEALTH_PORT: '0' };

      proxy.stall();
      await using starting = startAsProcess1(variables);
      await until(() => proxy.connections > 0);
      process.kill(childOf(starting), 'SIGTERM');
      expect((await starting.exit()).code).toBe(0);

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
  );

  test.each([
    ['refuses connections', (proxy: TcpProxy) => (proxy.refuse(), proxy.cut())],
    ['is silent', (proxy: TcpProxy) => proxy.stall()],
  ])(
    'while Redis %s still ends, with a request in flight after the grace, which runs again elsewhere',
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
      expect(ms).toBeGreaterThan(graceMs - 50);
      expect(idleMs).toBeLessThan(graceMs);
      upstream.answers = () => true;
      await fleet.startWorker();
      expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    },
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
  });
});
