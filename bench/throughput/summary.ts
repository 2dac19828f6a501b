import { type Spread, median, spreadOf } from '../method/ratio.ts';
import type { Figures } from './case.ts';

/** Sluice a second time, in processes of its own: the ratio of both is the noise of the run. */
export const twin = 'sluice-again';

/** What was measured of one case. */
export type Measured = {
  /** A contender, or `twin`. */
  contender: string;
  workers: number;
  /** Figures of the warm-up. What Redis keeps from then on, it need not keep again. */
  warmUp: Figures;
  rounds: Figures[];
};

/** How many times as many requests Sluice makes in a second of CPU, in rounds that were measured together. */
export type Ratio = {
  /** CPU of producer and workers. */
  own: Spread;
  /** With Redis' CPU. */
  withRedis: Spread;
};

export type Summary = {
  contender: string;
  workers: number;
  requestsPerSecond: number;
  /** Workers and producer, ms per request. */
  cpuMs: number;
  producerCpuMs: number;
  redisCpuMs: number;
  producerPeakRssBytes: number;
  workerPeakRssBytes: number;
  /** Growth over the warm-up and all rounds. */
  redisGrowthBytes: number;
  /** Null: Sluice itself, or it was not measured. */
  ratio: Ratio | null;
};

const cpuOf = (figures: Figures) => figures.producerCpuMs + figures.workerCpuMs;
const cpuWithRedisOf = (figures: Figures) => cpuOf(figures) + figures.redisCpuMs;

/** One summary per case: medians of its rounds, so that a moment of other load on the machine counts little. */
export function summarize(cases: readonly Measured[]): Summary[] {
  return cases.map((one) => {
    const { contender, workers, warmUp, rounds } = one;
    // Bare undici has no workers, so it is compared with Sluice with one.
    const sluice = cases.find(
      (other) => other.contender === 'sluice' && other.workers === Math.max(1, workers),
    );
    const of = (value: (figures: Figures) => number) => median(rounds.map(value));
    const most = (value: (figures: Figures) => number) => Math.max(...rounds.map(value));
    return {
      contender,
      workers,
      requestsPerSecond: of((figures) => figures.requestsPerSecond),
      cpuMs: of(cpuOf),
      producerCpuMs: of((figures) => figures.producerCpuMs),
      redisCpuMs: of((figures) => figures.redisCpuMs),
      producerPeakRssBytes: most((figures) => figures.producerPeakRssBytes),
      workerPeakRssBytes: most((figures) => figures.workerPeakRssBytes),
      redisGrowthBytes: [warmUp, ...rounds].reduce((sum, figures) => sum + figures.redisGrowthBytes, 0),
      ratio: sluice === undefined || sluice === one ? null : ratioOf(one, sluice),
    };
  });
}

function ratioOf(other: Measured, sluice: Measured): Ratio {
  const by = (cpu: (figures: Figures) => number) =>
    spreadOf(other.rounds.map((figures, round) => cpu(figures) / cpu(sluice.rounds[round]!)));
  return { own: by(cpuOf), withRedis: by(cpuWithRedisOf) };
}
