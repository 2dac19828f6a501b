import { z } from 'zod';
import { duration, formatDuration, parseDuration } from '../fields/duration.ts';

const day = 86_400_000;
const defaultSlackMs = 30;

/** `100/60s` -> 100 per 60,000 ms; null when the text is not of that form. */
export function parseRateText(text: string): { limit: number; per: number } | null {
  const match = /^(\d+)\/(.+)$/.exec(text.trim());
  if (!match) return null;
  // `100/s` and `100/m` read as one of that unit.
  const per = parseDuration(match[2]!) ?? parseDuration(`1${match[2]!}`);
  return per === null ? null : { limit: Number(match[1]), per };
}

const rateObject = z.strictObject({
  /** Requests that may leave in any window of `per`, for the whole fleet. */
  limit: z
    .int({ error: 'must be a whole number of requests' })
    .min(1, 'must be at least 1')
    .max(1_000_000_000, 'must be at most 1000000000'),
  /** Window, ms. */
  per: duration({ min: 100, max: 31 * day }),
  /**
   * `smooth` (default): no sliding window of `per` ever holds more than `limit`.
   * `fixed`: the window of BullMQ, which begins with a job; up to 2 x `limit` can fall around its edge. (Once called
   * `burst`, which is still accepted.)
   */
  shape: z.enum(['smooth', 'fixed', 'burst']).default('smooth'),
  /**
   * How many requests may leave at once after the queue was idle (default `limit`; `smooth` only). Idle time earns them,
   * one per `per / limit`; while jobs wait, none is earned, so a standing backlog is evenly spaced. 1: always evenly
   * spaced, for an upstream that dislikes bursts inside its window.
   */
  burst: z
    .int({ error: 'must be a whole number of requests' })
    .min(1, 'must be at least 1; 1 is an even pace')
    .optional(),
  /**
   * How late, in ms, a request may arrive after its permit without breaking the window (default 30, or 5 % of
   * `per` when that is less). Half of it is the worker's: an older permit is exchanged; the other half is the network's.
   * Larger wastes `slack / per` of the rate; smaller makes slow connections miss permits. Less than `per`. Below 5 no
   * process keeps it: its timers alone are late by a millisecond or two, and no job would ever be sent.
   */
  slack: duration({ min: 5, max: 60_000 }).optional(),
  /** Half the slack, since 0.2: ignored. */
  permitAge: z.unknown().optional(),
  /**
   * Lower the rate when the upstream rejects requests, and climb back slowly (default true; `smooth` only). Without it, a
   * rate set too high is rejected again and again.
   */
  adaptive: z.boolean().default(true),
});

/** @param defaultBurst of a smooth rate that names none */
const rateWith = (defaultBurst: (limit: number) => number) =>
  z
    .union([z.string(), z.looseObject({})], { error: 'expected a rate such as "100/60s", or { limit, per }' })
    // Not inside the union: that would report "Invalid input" instead of this sentence.
    .transform((rate, ctx) => {
      if (typeof rate !== 'string') return rate;
      const parsed = parseRateText(rate);
      if (parsed === null) {
        ctx.addIssue(`"${rate}" is not a rate: write requests/window, such as "100/60s", "5/s" or "5000/1h"`);
        return z.NEVER;
      }
      return parsed;
    })
    .pipe(rateObject)
    .transform(({ limit, per, shape, burst, slack, adaptive }) => ({
      // In one order, whatever was given: policies are compared as texts.
      limit,
      per,
      shape: shape === 'smooth' ? ('smooth' as const) : ('fixed' as const),
      burst: shape === 'smooth' ? (burst ?? defaultBurst(limit)) : limit,
      slack: slack ?? Math.min(defaultSlackMs, Math.ceil(per / 20)),
      adaptive,
    }));

/** A rate as it may lie in Redis: 0.1 knew no burst, and took a slack that is not less than `per`. */
export const storedRateSchema = rateWith(() => 1);

/**
 * The rate of a queue: `"100/60s"` or `{ limit, per, shape?, burst?, slack?, adaptive? }`.
 * The parsed value always has all six fields, times in ms.
 */
export const rateSchema = rateWith((limit) => limit)
  .refine(({ per, slack }) => slack < per, {
    path: ['slack'],
    error: 'must be less than per: half of the rate and more would not be used',
  })
  .refine(({ limit, burst }) => burst <= limit, {
    path: ['burst'],
    error: 'must not be larger than limit: no window holds more',
  });

export type Rate = z.output<typeof rateSchema>;

/** As it lies in Redis, where 0.1 reads it, too: it calls a fixed window `burst`, and needs the age of a permit. */
export function storedRate({ shape, ...rate }: Rate): object {
  const permitAge = Math.ceil(rate.slack / 2);
  return { ...rate, shape: shape === 'fixed' ? 'burst' : 'smooth', permitAge };
}

/** `100/1m`, `100/1m, burst 1` where the burst is not the limit, or `100/1m fixed`. */
export function formatRate({ limit, per, shape, burst }: Rate): string {
  const text = `${limit}/${formatDuration(per)}`;
  if (shape === 'fixed') return `${text} fixed`;
  return burst === limit ? text : `${text}, burst ${burst}`;
}
