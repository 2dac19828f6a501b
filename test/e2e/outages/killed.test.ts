import { describe, expect, test } from 'vitest';
import { startHeldUpstream } from '../../lab/faults/held-upstream.ts';
import { killAndUnlock, openFleet, until } from '../fleet.ts';

const env = { SLUICE_LOCK_DURATION: '5s', SLUICE_STALLED_INTERVAL: '1s' };
const queue = 'api';
const policy = { egress: { allow: ['127.0.0.0/8'] } };

describe('a worker that is killed', () => {
  test('five times in a row while the same job runs spends none of its attempts', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, env);
    await fleet.client.policies.set(queue, { ...policy, retry: { attempts: 2 } });
    const handle = await fleet.client.enqueue({ url: `${upstream.url}/`, id: 'unlucky' }, { queue });
    for (let kills = 1; kills <= 5; kills++) {
      await until(() => upstream.requests.length === kills);
      await fleet.startWorker();
      await killAndUnlock(fleet, queue, fleet.workers[kills - 1]!);
    }
    await until(() => upstream.requests.length === 6);
    const hash = await fleet.redis.hgetall(fleet.keys.bull(queue).job('unlucky'));
    expect(hash).toMatchObject({ stc: '5' });
    expect(hash['atm'] ?? '0').toBe('0');
    upstream.requests.at(-1)!.answer();
    expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    expect(await fleet.redis.zcard(fleet.keys.bull(queue).failed)).toBe(0);
  }, 60_000);

  test('while it sweeps for the fleet is followed by another, in queues that nobody serves, too', async () => {
    await using fleet = await openFleet(1, { ...env, SLUICE_QUEUES: queue });
    for (const name of [queue, 'unserved']) await fleet.client.policies.set(name, policy);
    const holder = () => fleet.redis.hget(fleet.keys.sweeper, 'worker');
    await until(async () => (await holder()) !== null);
    const first = await holder();
    await fleet.startWorker();
    await fleet.workers[0]!.kill();
    // Nobody was told, and no worker serves the queue.
    const bull = fleet.keys.bull('unserved');
    const req = { url: 'http://127.0.0.1:1/', method: 'GET', headers: {} };
    const data = JSON.stringify({ v: 1, req, at: 1, deadline: 1 });
    await fleet.redis.hset(bull.job('due'), 'name', 'fetch', 'data', data, 'opts', '{}', 'timestamp', 1);
    await fleet.redis.lpush(bull.wait, 'due');
    await fleet.redis.zadd(fleet.keys.deadlines('unserved'), 1, 'due');
    await fleet.redis.zadd(fleet.keys.due, 1, 'unserved');
    await until(async () => (await fleet.redis.zscore(bull.failed, 'due')) !== null);
    expect(await fleet.redis.hget(bull.job('due'), 'failedReason')).toContain('SLUICE_EXPIRED');
    expect(await holder()).not.toBe(first);
  });

  test('by the same job each time has a poison job, which ends as one; its neighbours and the others go on', async () => {
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
      await killAndUnlock(fleet, queue, fleet.workers.at(-1)!);
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
