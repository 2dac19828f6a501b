import type { Sluice } from '@sluice/producer';

/** What tasks work with. */
export type Tools = { sluice: Sluice; redisUrl: string; queue: string; upstreamUrl: string };

/**
 * Retentions of the run, ms. So short that long before the first point as much expires as is added. They also apply to
 * jobs whose end no reply reports (those of a batch, or of a producer that has left); their marker would otherwise stay
 * for ten minutes.
 */
export const dedupTtlMs = 3000;
export const keepMs = 2000;

/** One way to use Sluice. */
export type Task = {
  name: string;
  /** How many of a thousand tasks. */
  share: number;
  jobs: number;
  /** @param n the number of the task: no two have the same */
  perform: (tools: Tools, n: number) => Promise<unknown>;
};

/** Checks the outcome: a bench that measures something else by mistake is worth nothing. */
export async function endsAs(kind: string, outcome: Promise<{ outcome: { kind: string } }>): Promise<void> {
  const { outcome: end } = await outcome;
  if (end.kind !== kind) throw new Error(`a job ended as ${end.kind}, not ${kind}: ${JSON.stringify(end)}`);
}
