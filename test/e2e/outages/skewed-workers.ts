import { expect } from 'vitest';
import { skewedClock } from '../../lab/faults/clock-skew.ts';
import { spawnUpstream } from '../../lab/upstream/spawn.ts';
import { openFleet } from '../fleet.ts';

const queue = 'api';
/** How much earlier than asked for a request may come, ms: Redis and the workers count in whole ms, and sweep. */
const earlyMs = 250;

/**
 * Jobs that are refused at first, and asked to wait for 2 s, by workers whose clocks are wrong: none comes earlier.
 * @param skews of the workers' clocks, ms @param status 500: the job is put off, and its origin is not held
 */
export async function expectRetryAfterKept(skews: readonly number[], status: number): Promise<void> {
  // So that most are sent before the first refusal comes back.
  await using upstream = await spawnUpstream({ latencyMs: 300 });
  await using fleet = await openFleet(0);
  await fleet.client.policies.set(queue, { egress: { allow: ['127.0.0.0/8'] }, retry: { jitter: 0 } });
  await Promise.all(skews.map((ms) => fleet.startWorker(skewedClock(ms).env)));
  const handles = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      fleet.client.enqueue(
        { url: `${upstream.url}/status/${status}?retryAfter=2&times=1&n=${n}` },
        { queue },
      ),
    ),
  );
  for (const handle of handles) {
    expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 2 });
  }
  const arrivals = await upstream.arrivals();
  expect(arrivals).toHaveLength(16);
  const waits = handles.map((_, n) => {
    const [first, second] = arrivals.filter(({ path }) => path.endsWith(`n=${n}`));
    return second!.t - first!.t;
  });
  expect(Math.min(...waits)).toBeGreaterThan(2000 - earlyMs);
  console.log(
    `clocks wrong by ${skews.join(' and ')} ms: Retry-After 2 s was ${Math.round(Math.max(...waits))} ms at most`,
  );
}
