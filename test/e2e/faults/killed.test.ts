import { describe, expect, test } from 'vitest';
import { startHeldUpstream } from '../../support/faults/held-upstream.ts';
import type { Program } from '../../support/processes.ts';
import { type Fleet, openFleet, until } from '../fleet.ts';

const lockMs = 5000;
const stalledMs = 1000;
const env = { SLUICE_LOCK_DURATION: `${lockMs}ms`, SLUICE_STALLED_INTERVAL: `${stalledMs}ms` };
const queue = 'api';
const policy = { egress: { allow: ['127.0.0.0/8'] } };

/** Kills a worker; the locks of its jobs run out now instead of later. */
async function killAndUnlock(fleet: Fleet, worker: Program): Promise<void> {
  await worker.kill();
  const bull = fleet.keys.bull(queue);
  const ids = await fleet.redis.lrange(bull.active, 0, -1);
  if (ids.length > 0) await fleet.redis.unlink(ids.map((id) => bull.lock(id)));
}

describe('a worker that is killed', () => {
  test('loses no job: each runs again within its lock, two stalled intervals and a second', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, env);
    await fleet.client.policies.set(queue, policy);
    const paths = Array.from({ length: 8 }, (_, n) => `/${n}`);
    const handles = await Promise.all(
      paths.map((path) => fleet.client.enqueue({ url: upstream.url + path }, { queue })),
    );
    await until(() => upstream.requests.length === paths.length);
    const second = await fleet.startWorker();
    // Long enough for a renewal: the locks are younger than the jobs.
    await until(() => performance.now() - upstream.requests[0]!.at > lockMs / 2);
    const killedAt = performance.now();
    await fleet.workers[0]!.kill();
    upstream.answers = () => true;
    const outcomes = await Promise.all(handles.map((handle) => handle.outcome()));
    for (const path of paths) {
      const [, again, ...more] = upstream.of(path);
      expect(more).toEqual([]);
      expect(again!.at - killedAt).toBeLessThan(lockMs + 2 * stalledMs + 1000);
      expect(again!.at - killedAt).toBeGreaterThan(lockMs / 4);
    }
    for (const { outcome } of outcomes) expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
    second.signal('SIGTERM');
    expect((await second.exit()).code).toBe(0);
  }, 40_000);

  test('five times in a row while the same job runs has spent none of its attempts', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, env);
    await fleet.client.policies.set(queue, { ...policy, retry: { attempts: 2 } });
    const handle = await fleet.client.enqueue({ url: `${upstream.url}/`, id: 'unlucky' }, { queue });
    for (let kills = 1; kills <= 5; kills++) {
      await until(() => upstream.requests.length === kills);
      await fleet.startWorker();
      await killAndUnlock(fleet, fleet.workers[kills - 1]!);
    }
    await until(() => upstream.requests.length === 6);
    const hash = await fleet.redis.hgetall(fleet.keys.bull(queue).job('unlucky'));
    expect(hash).toMatchObject({ stc: '5' });
    expect(hash['atm'] ?? '0').toBe('0');
    upstream.requests.at(-1)!.answer();
    expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    expect(await fleet.redis.zcard(fleet.keys.bull(queue).failed)).toBe(0);
  }, 60_000);

  test('by the same job each time has a poison job, which ends so; its neighbours and the others go on', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, { ...env, SLUICE_CONCURRENCY: '4' });
    await fleet.client.policies.set(queue, policy);
    const enqueue = (id: string) => fleet.client.enqueue({ url: `${upstream.url}/${id}`, id }, { queue });
    // Taken together with the poison; slow, so that they have never ended when it kills.
    const neighbours = await Promise.all(['neighbour-1', 'neighbour-2'].map(enqueue));
    await until(() => upstream.requests.length === 2);
    const poison = await enqueue('poison');
    const others = await Promise.all(Array.from({ length: 20 }, (_, n) => enqueue(`other-${n}`)));
    upstream.answers = (path) => path.startsWith('/other');
    upstream.onRequest = (request) => {
      if (request.path.startsWith('/neighbour')) setTimeout(() => request.answer(), 1000);
    };

    let kills = 0;
    let ended = false;
    const poisoned = poison.outcome().finally(() => (ended = true));
    while (!ended) {
      const arrived = () => upstream.of('/poison').length > kills;
      await until(() => arrived() || ended);
      if (!arrived()) break;
      kills += 1;
      // Whoever runs it dies.
      await killAndUnlock(fleet, fleet.workers.at(-1)!);
      await fleet.startWorker();
    }
    const { outcome } = await poisoned;
    expect(outcome).toMatchObject({ kind: 'poison', attempts: 0, error: { code: 'SLUICE_POISON' } });
    expect(kills).toBe(11);
    const bull = fleet.keys.bull(queue);
    // Its caller is told before BullMQ is.
    await until(async () => (await fleet.redis.zcard(bull.failed)) > 0);
    expect(await fleet.redis.zrange(bull.failed, '0', '-1')).toEqual(['poison']);
    expect(await fleet.redis.hget(bull.job('poison'), 'data')).toContain(`${upstream.url}/poison`);
    const ends = await Promise.all([...neighbours, ...others].map((handle) => handle.outcome()));
    for (const end of ends) expect(end.outcome).toMatchObject({ kind: 'response', attempts: 1 });
  }, 150_000);
});
