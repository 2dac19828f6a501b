import { expect } from 'vitest';
import type { Handle } from '../../../packages/producer/src/index.ts';
import { used, worstWindow } from '../../support/measure/window.ts';
import type { Arrival } from '../../support/upstream/arrivals.ts';
import { until } from '../fleet.ts';
import type { ShakyFleet } from './shaky-fleet.ts';

/** Requests per second that the policy of these tests allows. */
export const limit = 100;
const latencyMs = 300;
/** Before the fault, and after what came back is at its pace again. */
const measuredMs = 3000;
/** The stalled jobs of the fault are taken and dropped among the others. */
const settlingMs = 2000;

/** What a fault did to a fleet under load. */
export type FaultReport = {
  /** ms from the end of the fault to the next request at the upstream. */
  backAfterMs: number;
  /** The share of the limit that was used. */
  usedBefore: number;
  usedAfter: number;
  /** Requests under way when the fault began. */
  inFlight: number;
  /** Paths requested more than once. */
  repeated: string[];
  /** The most requests in any second. */
  worst: number;
};

/** Applies the policy of these tests; the upstream takes as long to answer as keeps 30 requests in flight. */
export async function prepare({ client, upstream }: ShakyFleet): Promise<void> {
  await upstream.set({ latencyMs });
  await client.policies.set('api', { rate: `${limit}/1s`, egress: { allow: ['127.0.0.0/8'] } });
}

/**
 * Breaks Redis under a load that always has work waiting, heals it, and waits for the last outcome.
 * @param fault resolves when the fault is over
 */
export async function reportOf(fleet: ShakyFleet, fault: () => Promise<void>): Promise<FaultReport> {
  const { client, upstream } = fleet;
  const count = limit * ((measuredMs * 2 + settlingMs) / 1000 + 3);
  const urls = Array.from({ length: count }, (_, n) => `${upstream.url}/item/${n}`);
  const ends = new Map<string, number>();
  const follow = async (handle: Handle) => {
    const { outcome } = await handle.outcome();
    expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
    ends.set(handle.id, (ends.get(handle.id) ?? 0) + 1);
  };
  const follows: Promise<void>[] = [];
  for await (const handle of client.enqueueMany(urls)) follows.push(follow(handle));
  const all = Promise.all(follows);
  all.catch(() => {}); // awaited below
  const after = async (t: number) => (await upstream.arrivals()).filter((arrival) => arrival.t > t);

  await until(async () => (await upstream.arrivals()).length > limit / 2);
  const from = performance.now();
  await until(() => performance.now() > from + measuredMs);
  const inFlight = await upstream.inFlight();
  const brokenAt = performance.now();
  await fault();
  const healedAt = performance.now();
  await until(async () => (await after(healedAt)).length > 0);
  const backAt = (await after(healedAt))[0]!.t;
  const goesOnAt = backAt + settlingMs;
  await until(() => performance.now() > goesOnAt + measuredMs);
  const arrivals = await upstream.arrivals();
  await all;
  expect([...ends.values()]).toEqual(urls.map(() => 1));

  const last = await upstream.arrivals();
  return {
    backAfterMs: backAt - healedAt,
    usedBefore: shareOf(arrivals, from, brokenAt),
    usedAfter: shareOf(arrivals, goesOnAt, goesOnAt + measuredMs),
    inFlight,
    repeated: repeatedIn(last),
    worst: worstWindow(
      last.map(({ t }) => t),
      1000,
    ).count,
  };
}

/** The share of the limit that was used between two times. */
function shareOf(arrivals: readonly Arrival[], from: number, to: number): number {
  const times = arrivals.map(({ t }) => t).filter((t) => t >= from && t <= to);
  return used(times, limit, 1000);
}

function repeatedIn(arrivals: readonly Arrival[]): string[] {
  const seen = new Set<string>();
  return arrivals.map(({ path }) => path).filter((path) => seen.size === seen.add(path).size);
}

/** What holds after every fault: back within 5 s, at the pace of before, and never above the limit. */
export function expectRecovered(report: FaultReport, backWithinMs = 5000): void {
  expect(report.backAfterMs).toBeLessThan(backWithinMs);
  expect(report.usedAfter).toBeGreaterThan(0.9 * report.usedBefore);
  expect(report.worst).toBeLessThanOrEqual(limit);
}

/** The workers said nothing but log lines, and none of them of an error that nobody handled. */
export function expectQuiet({ workers }: ShakyFleet): void {
  for (const { stdout, stderr } of workers) {
    const lines = `${stdout}${stderr}`.split('\n').filter((text) => text !== '');
    const strange = lines.filter(
      (line) => !line.startsWith('{') || /unhandled|uncaught|TypeError|ReferenceError/i.test(line),
    );
    expect(strange).toEqual([]);
  }
}
