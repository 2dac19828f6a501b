import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Handle } from '../../../packages/producer/src/index.ts';
import { used, worstWindow } from '../../support/measure/window.ts';
import type { Arrival } from '../../support/upstream/arrivals.ts';
import { until } from '../fleet.ts';
import type { ShakyFleet } from './shaky-fleet.ts';

/** Requests per second that the policy of these tests allows. */
export const limit = 100;
const latencyMs = 300;
/** How long the rate is measured before the fault. */
const measuredMs = 3000;
/** The rate is back when as long a time, to the last request, has nine tenths of what it was. */
const windowMs = 2000;
/** Jobs that wait or run while the load lasts: more than two workers take. */
const backlog = 250;

/** What a fault did to a fleet under load. Times from its end, ms. */
export type FaultReport = {
  /** The next request arrived at the upstream. */
  backAfterMs: number;
  /** The end of the first two seconds at nine tenths of the rate before. */
  fullRateAfterMs: number;
  /** The share of the limit that was used before. */
  usedBefore: number;
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
  const { upstream } = fleet;
  const load = new Load(fleet);
  await until(async () => (await upstream.arrivals()).length > limit / 2);
  const from = performance.now();
  await until(() => performance.now() > from + measuredMs);
  const inFlight = await upstream.inFlight();
  const brokenAt = performance.now();
  await fault();
  const healedAt = performance.now();
  const usedBefore = shareOf(await upstream.arrivals(), from, brokenAt);
  const after = async () => (await upstream.arrivals()).filter(({ t }) => t > healedAt);
  await until(async () => (await after()).length > 0);
  const backAt = (await after())[0]!.t;
  const isFull = async () => {
    const arrivals = await after();
    const lastAt = arrivals.at(-1)!.t;
    return lastAt - windowMs > backAt && shareOf(arrivals, lastAt - windowMs, lastAt) >= 0.9 * usedBefore;
  };
  await until(isFull);
  const fullAt = performance.now();
  await load.end();
  const arrivals = await upstream.arrivals();
  const times = arrivals.map(({ t }) => t);
  return {
    backAfterMs: backAt - healedAt,
    fullRateAfterMs: fullAt - healedAt,
    usedBefore,
    inFlight,
    repeated: repeatedIn(arrivals),
    worst: worstWindow(times, 1000).count,
  };
}

/** Jobs without end, each of which must end once and with a response. Adds go on, or wait, while Redis is away. */
class Load {
  readonly #fleet: ShakyFleet;
  readonly #feeding: Promise<void>;
  readonly #ends: Promise<void>[] = [];
  #open = 0;
  #isOver = false;

  constructor(fleet: ShakyFleet) {
    this.#fleet = fleet;
    this.#feeding = this.#feed();
    // Thrown by `end`.
    this.#feeding.catch(() => {});
  }

  async #feed(): Promise<void> {
    const { client, upstream } = this.#fleet;
    while (!this.#isOver) {
      const adds: Promise<Handle>[] = [];
      for (; this.#open < backlog; this.#open += 1) {
        adds.push(client.enqueue(`${upstream.url}/item/${this.#ends.length + adds.length}`));
      }
      for (const handle of await Promise.all(adds)) this.#ends.push(this.#follow(handle));
      await sleep(20);
    }
  }

  async #follow(handle: Handle): Promise<void> {
    const { outcome } = await handle.outcome();
    this.#open -= 1;
    expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
  }

  /** Resolves when all have ended. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#feeding;
    await Promise.all(this.#ends);
  }
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

/** What holds after every fault: back within 5 s, at the rate of before a little later, and never above the limit. */
export function expectRecovered(report: FaultReport, backWithinMs = 5000): void {
  expect(report.backAfterMs).toBeLessThan(backWithinMs);
  expect(report.fullRateAfterMs).toBeLessThan(backWithinMs + 2 * windowMs);
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
