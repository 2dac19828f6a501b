import type { Sluice } from '@sluice/producer';

/** What tasks work with. */
export type Tools = { sluice: Sluice; redisUrl: string; queue: string; upstreamUrl: string };

/**
 * Retentions of the run, ms. So short that as much goes as comes long before the first point. Jobs whose end no reply
 * tells (of a batch, of a producer that has left) are kept by it, too: else a marker would stay for ten minutes.
 */
export const dedupTtlMs = 3000;
export const keepMs = 2000;

/** One way to use Sluice. */
export type Task = {
  name: string;
  /** Of a thousand tasks. */
  share: number;
  jobs: number;
  /** @param n the number of the task: no two have the same */
  perform: (tools: Tools, n: number) => Promise<unknown>;
};

/** What the outcome must be: a bench that measures something else by mistake is worth nothing. */
export async function endsAs(kind: string, outcome: Promise<{ outcome: { kind: string } }>): Promise<void> {
  const { outcome: end } = await outcome;
  if (end.kind !== kind) throw new Error(`a job ended as ${end.kind}, not ${kind}: ${JSON.stringify(end)}`);
}
