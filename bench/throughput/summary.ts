import type { Case, Figures } from './case.ts';

/** What was measured of one case. */
export type Measured = {
  contender: string;
  workers: number;
  /** Figures of the warm-up. What Redis keeps from then on, it need not keep again. */
  warmUp: Figures;
  rounds: Figures[];
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
  /** How many times as many requests Sluice makes in a second of CPU; the median of the rounds' ratios. */
  sluiceRatio: number | null;
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const cpuOf = (figures: Figures) => figures.producerCpuMs + figures.workerCpuMs;

/** One summary per case: medians of its rounds, so that a moment of other load on the machine counts little. */
export function summarize(cases: readonly Measured[]): Summary[] {
  return cases.map(({ contender, workers, warmUp, rounds }) => {
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
      sluiceRatio:
        sluice === undefined
          ? null
          : median(rounds.map((figures, round) => cpuOf(figures) / cpuOf(sluice.rounds[round]!))),
    };
  });
}

/** @param rounds the figures of each round, the warm-up first */
export function measured({ contender, workers }: Case, rounds: readonly Figures[]): Measured {
  const [warmUp, ...rest] = rounds;
  return { contender: contender.name, workers: workers.length, warmUp: warmUp!, rounds: rest };
}
