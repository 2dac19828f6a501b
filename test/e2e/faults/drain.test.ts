import { describe, expect, test } from 'vitest';
import { startHeldUpstream } from '../../lab/faults/held-upstream.ts';
import { startProgram } from '../../lab/processes.ts';
import { openFleet, until } from '../fleet.ts';
import { end, env, graceMs, policy, queue, shakyRedis } from '../scenes/drain.ts';

describe('a worker that is told to stop', () => {
  test('finishes what fits in the grace, gives the rest back to the front, and repeats nothing that it finished', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, { ...env, SLUICE_CONCURRENCY: '4', SLUICE_LOG_LEVEL: 'info' });
    await fleet.client.policies.set(queue, policy);
    const enqueue = (id: string) => fleet.client.enqueue({ url: `${upstream.url}/${id}`, id }, { queue });
    const taken = await Promise.all(['short-1', 'short-2', 'long-1', 'long-2'].map(enqueue));
    await until(() => upstream.requests.length === 4);
    const backlog = await Promise.all(Array.from({ length: 10 }, (_, n) => enqueue(`later-${n}`)));

    const ending = end(fleet.workers[0]!);
    await fleet.workers[0]!.line('draining');
    for (const request of upstream.requests) if (request.path.startsWith('/short')) request.answer();
    const [code, ms] = await ending;
    expect(code).toBe(0);
    expect(ms).toBeGreaterThan(graceMs - 50);
    // Nothing of the backlog was taken meanwhile.
    expect(upstream.requests).toHaveLength(4);
    const bull = fleet.keys.bull(queue);
    for (const id of ['long-1', 'long-2']) {
      expect((await fleet.redis.hget(bull.job(id), 'atm')) ?? '0').toBe('0');
      expect(await fleet.redis.exists(bull.lock(id))).toBe(0);
    }
    expect((await fleet.redis.lrange(bull.wait, -2, -1)).sort()).toEqual(['long-1', 'long-2']);

    await fleet.startWorker();
    await until(() => upstream.requests.length === 8);
    const first = upstream.requests.slice(4);
    upstream.answers = () => true;
    for (const request of first) request.answer();
    for (const handle of [...taken, ...backlog]) {
      expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    }
    const later = upstream.requests.slice(4).map(({ path }) => path);
    // Among the first that it takes: four at once, which arrive in any order.
    expect(later.slice(0, 4)).toEqual(expect.arrayContaining(['/long-1', '/long-2']));
    expect(later).toHaveLength(12);
    expect(new Set(later).size).toBe(12);
    // The given-back were cut off at the upstream, the finished were not.
    expect(
      upstream.requests
        .filter(({ leftAt }) => leftAt !== undefined)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['/long-1', '/long-2']);
  });

  test('while it starts ends at once', async () => {
    const { proxy, through } = await shakyRedis();
    await using _ = proxy;
    proxy.stall();
    await using worker = startProgram('packages/worker/src/main.ts', [], {
      env: { ...through, SLUICE_PREFIX: '{starting}', SLUICE_HEALTH_PORT: '0', SLUICE_GRACE: '300s' },
    });
    await until(() => proxy.connections > 0);
    const [code] = await end(worker);
    expect(code).toBe(0);
  });
});
