import type { Figures } from './run-case.ts';

/** The figures of one case: the medians of its rounds. */
export type Summary = Figures & {
  /** How many times as many requests Sluice makes in a second of CPU; the median of the rounds' ratios. */
  sluiceRatio: number | null;
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One summary per case, in the order of the first round. @param rounds the figures of each round */
export function summarize(rounds: readonly (readonly Figures[])[]): Summary[] {
  return (rounds[0] ?? []).map((first) => {
    const same = ({ contender, workers }: Figures) =>
      contender === first.contender && workers === first.workers;
    const runs = rounds.map((round) => round.find(same)!);
    const of = (name: Exclude<keyof Figures, 'contender' | 'workers'>) =>
      median(runs.map((run) => run[name]));
    const ratios = rounds.flatMap((round) => {
      // Against bare undici, which has no workers, Sluice stands with one.
      const workers = Math.max(1, first.workers);
      const sluice = round.find((run) => run.contender === 'sluice' && run.workers === workers);
      return sluice === undefined ? [] : [round.find(same)!.cpuMsPerRequest / sluice.cpuMsPerRequest];
    });
    return {
      contender: first.contender,
      workers: first.workers,
      requestsPerSecond: of('requestsPerSecond'),
      cpuMsPerRequest: of('cpuMsPerRequest'),
      producerCpuMsPerRequest: of('producerCpuMsPerRequest'),
      redisCpuMsPerRequest: of('redisCpuMsPerRequest'),
      producerPeakRssBytes: of('producerPeakRssBytes'),
      workerPeakRssBytes: of('workerPeakRssBytes'),
      redisGrowthBytes: of('redisGrowthBytes'),
      sluiceRatio: ratios.length === 0 ? null : median(ratios),
    };
  });
}
