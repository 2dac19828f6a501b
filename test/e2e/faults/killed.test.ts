import { describe, expect, test } from 'vitest';
import { startHeldUpstream } from '../../lab/faults/held-upstream.ts';
import { openFleet, until } from '../fleet.ts';

const env = { SLUICE_LOCK_DURATION: '5s', SLUICE_STALLED_INTERVAL: '1s' };
const queue = 'api';
const policy = { egress: { allow: ['127.0.0.0/8'] } };

describe('a worker that is killed', () => {
  test('loses no job: each runs again once, when its lock has expired', async () => {
    await using upstream = await startHeldUpstream();
    await using fleet = await openFleet(1, env);
    await fleet.client.policies.set(queue, policy);
    const paths = Array.from({ length: 8 }, (_, n) => `/${n}`);
    const handles = await Promise.all(
      paths.map((path) => fleet.client.enqueue({ url: upstream.url + path }, { queue })),
    );
    await until(() => upstream.requests.length === paths.length);
    const second = await fleet.startWorker();
    const bull = fleet.keys.bull(queue);
    const ids = handles.map(({ id }) => id);
    const expiries = () => Promise.all(ids.map((id) => fleet.redis.pexpiretime(bull.lock(id))));
    const taken = await expiries();
    // Renewed once: the locks are younger than the jobs.
    await until(async () => (await expiries()).every((at, n) => at > taken[n]!));
    await fleet.workers[0]!.kill();
    const locked = await expiries();
    upstream.answers = () => true;
    const outcomes = await Promise.all(handles.map((handle) => handle.outcome()));
    for (const [n, path] of paths.entries()) {
      const [, again, ...more] = upstream.of(path);
      expect(more).toEqual([]);
      // Two clocks of one machine.
      expect(performance.timeOrigin + again!.at).toBeGreaterThanOrEqual(locked[n]! - 50);
    }
    for (const { outcome } of outcomes) expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
    second.signal('SIGTERM');
    expect((await second.exit()).code).toBe(0);
  });
});
