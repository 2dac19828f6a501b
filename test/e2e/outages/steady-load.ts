import { setTimeout as sleep } from 'node:timers/promises';
import type { Handle } from '../../../packages/producer/src/index.ts';
import type { Arrival } from '../../lab/upstream/arrivals.ts';
import { until } from '../../lab/until.ts';
import type { ShakyFleet } from './shaky-fleet.ts';

/** Requests per second that the policy of these tests allows. */
export const limit = 100;
const latencyMs = 300;
/** Jobs that wait or run while the load lasts: more than two workers take. */
const backlog = 250;

/** What a fault did to a fleet under load. Times of performance.now(), ms. */
export type FaultReport = {
  brokenAt: number;
  healedAt: number;
  /** When requests arrived at the upstream, in order. */
  times: number[];
  /** Requests under way when the fault began. */
  inFlight: number;
  /** Paths requested more than once. */
  repeated: string[];
};

/** Applies the policy of these tests; the upstream takes as long to answer as keeps 30 requests in flight. */
export async function prepare({ client, upstream }: ShakyFleet): Promise<void> {
  await upstream.set({ latencyMs });
  await client.policies.set('api', { rate: `${limit}/1s`, egress: { allow: ['127.0.0.0/8'] } });
}

/**
 * Breaks Redis under a load that always has work waiting, heals it, and waits for the last outcome.
 * @param fault resolves when the fault is over
 * @param goesOnFor requests that arrive afterwards before the load ends
 * @throws Error when a job does not end with a response at its first attempt
 */
export async function reportOf(
  fleet: ShakyFleet,
  fault: () => Promise<void>,
  goesOnFor = limit,
): Promise<FaultReport> {
  const { upstream } = fleet;
  const load = new Load(fleet);
  await until(async () => (await upstream.arrivals()).length > limit);
  const inFlight = await upstream.inFlight();
  const brokenAt = performance.now();
  await fault();
  const healedAt = performance.now();
  await until(async () => (await upstream.arrivals()).filter(({ t }) => t > healedAt).length >= goesOnFor);
  await load.end();
  const arrivals = await upstream.arrivals();
  return {
    brokenAt,
    healedAt,
    times: arrivals.map(({ t }) => t),
    inFlight,
    repeated: repeatedIn(arrivals),
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
      for (const handle of await Promise.all(adds)) {
        const end = this.#follow(handle, `/item/${this.#ends.length}`);
        // Thrown by `end`.
        end.catch(() => {});
        this.#ends.push(end);
      }
      await sleep(20);
    }
  }

  async #follow(handle: Handle, path: string): Promise<void> {
    const { outcome } = await handle.outcome();
    this.#open -= 1;
    if (outcome.kind !== 'response' || outcome.attempts !== 1) {
      const arrivals = await this.#fleet.upstream.arrivals();
      const seen = arrivals.filter((arrival) => arrival.path === path).map(({ t }) => Math.round(t));
      throw new Error(
        `the job of ${path} ended ${outcome.kind} after ${outcome.attempts} attempts; it is now ${Math.round(performance.now())} ms, and the upstream saw it at ${seen.join(', ') || 'no time'}; its attempts: ${JSON.stringify(outcome.ends)}`,
      );
    }
  }

  /** Resolves when all have ended. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#feeding;
    await Promise.all(this.#ends);
  }
}

function repeatedIn(arrivals: readonly Arrival[]): string[] {
  const seen = new Set<string>();
  return arrivals.map(({ path }) => path).filter((path) => seen.size === seen.add(path).size);
}
