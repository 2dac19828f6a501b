import { setTimeout as sleep } from 'node:timers/promises';
import { used, worstWindow } from '../../test/lab/measure/window.ts';
import { until } from '../../test/lab/until.ts';
import type { ShakyFleet } from '../../test/e2e/outages/shaky-fleet.ts';

/** One delay: what was measured and what is promised, ms. */
export type Delay = { what: string; promisedMs: number; tookMs: number };

const egress = { allow: ['127.0.0.0/8'] };

const times = async ({ upstream }: ShakyFleet) => Array.from((await upstream.arrivalColumns()).t);

/** Jobs that keep the queue busy. */
async function fill({ client, upstream }: ShakyFleet, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => client.enqueue(`${upstream.url}/item/${n}`)));
}

/** When the last one-second window that held more than `limit` began, ms after `since`; 0: none did. */
function exceededUntil(arrivals: readonly number[], since: number, limit: number): number {
  let until = 0;
  for (const start of arrivals) {
    if (start < since) continue;
    if (arrivals.filter((t) => t >= start && t < start + 1000).length > limit) until = start - since;
  }
  return until;
}

/** A queue at 100/s is set to 10/s, then to 200/s, then paused and resumed. */
export async function* ratesAndPauses(fleet: ShakyFleet): AsyncGenerator<Delay> {
  const { client } = fleet;
  const set = (rate: string) => client.policies.set('api', { rate, egress });
  await set('100/1s');
  await fill(fleet, 2000);
  await until(async () => (await times(fleet)).length > 150);

  await set('10/1s');
  const lowered = performance.now();
  await sleep(4000);
  yield {
    what: 'a lowered rate is kept',
    promisedMs: 2000,
    tookMs: exceededUntil(await times(fleet), lowered, 10),
  };

  await set('200/1s');
  const raised = performance.now();
  await until(async () => {
    const lately = (await times(fleet)).filter((t) => t > Math.max(raised, performance.now() - 1000));
    return lately.length > 20 && used(lately, 200, 1000) > 0.5;
  });
  yield { what: 'a raised rate is used, half of it', promisedMs: 2000, tookMs: performance.now() - raised };

  await client.queues.pause('api');
  const paused = performance.now();
  await sleep(1500);
  const last = (await times(fleet)).at(-1)!;
  yield { what: 'a paused queue is silent', promisedMs: 500, tookMs: Math.max(0, last - paused) };

  await client.queues.resume('api');
  const resumed = performance.now();
  await until(async () => (await times(fleet)).at(-1)! > resumed);
  yield { what: 'a resumed queue goes on', promisedMs: 2000, tookMs: performance.now() - resumed };
  await client.queues.remove('api');
}

/** A request is cancelled, a hold is lifted, an idle worker is stopped. */
export async function* endings(fleet: ShakyFleet): AsyncGenerator<Delay> {
  const { client, upstream } = fleet;
  await client.policies.set('api', { egress });
  const handle = await client.enqueue(`${upstream.url}/hang`);
  await until(async () => (await upstream.inFlight()) === 1);
  const cancelled = performance.now();
  await handle.cancel();
  await until(async () => (await upstream.inFlight()) === 0);
  yield {
    what: 'a cancelled request is aborted',
    promisedMs: 250,
    tookMs: performance.now() - cancelled,
  };

  await upstream.reset();
  await client.enqueue(`${upstream.url}/status/429?retryAfter=600&times=1`);
  await until(async () => (await client.queues.show('api')).holds.length === 1);
  await fill(fleet, 20);
  await until(async () => (await client.queues.show('api')).counts.delayed === 21);
  await client.queues.release('api');
  const released = performance.now();
  await until(async () => (await times(fleet)).length === 22);
  yield { what: 'a lifted hold is forgotten', promisedMs: 2000, tookMs: performance.now() - released };

  const [worker] = fleet.workers;
  const told = performance.now();
  worker!.signal('SIGTERM');
  await worker!.exit();
  yield { what: 'an idle worker ends', promisedMs: 1000, tookMs: performance.now() - told };
}

/** How long after a fault requests came again, and when they had kept nine tenths of the old rate for two seconds. */
export function recovery(
  what: string,
  { times: all, brokenAt, healedAt }: { times: number[]; brokenAt: number; healedAt: number },
  limit: number,
): Delay[] {
  const before = used(
    all.filter((t) => t < brokenAt && t > brokenAt - 1000),
    limit,
    1000,
  );
  const after = all.filter((t) => t > healedAt);
  const full = after.find(
    (t) =>
      worstWindow(
        after.filter((at) => at > t - 2000 && at <= t),
        2000,
      ).count >=
      1.8 * before * limit,
  );
  return [
    { what: `${what}: requests again`, promisedMs: 5000, tookMs: after[0]! - healedAt },
    { what: `${what}: the rate again`, promisedMs: 7000, tookMs: (full ?? Number.NaN) - healedAt },
  ];
}
