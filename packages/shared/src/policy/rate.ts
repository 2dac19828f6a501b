import { z } from 'zod';
import { duration, formatDuration } from '../fields/duration.ts';
import type { RateInput } from './policy-types.ts';
import { longRate, parseWindow, textThatSays } from './rate-text.ts';

const day = 86_400_000;
const defaultSlackMs = 30;

const windowDuration = duration({ min: 100, max: 31 * day });

/** A duration, or a window as people write it: `min`, `30 seconds`. */
const window = z
  .unknown()
  .transform((given) => (typeof given === 'string' ? (parseWindow(given) ?? given) : given))
  .pipe(windowDuration) as unknown as typeof windowDuration;

const rateObject = z.strictObject({
  /** Requests that may leave in any window of `per`, for the whole fleet. */
  limit: z
    .int({ error: 'must be a whole number of requests' })
    .min(1, 'must be at least 1')
    .max(1_000_000_000, 'must be at most 1000000000'),
  /** Window, ms. */
  per: window,
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
  /** The text that the rate was given as, to print it so. Stored beside the policy; it makes no policy another one. */
  text: z.string().optional(),
});

/** @param defaultBurst of a smooth rate that names none */
const rateWith = (defaultBurst: (limit: number) => number) =>
  z
    .union([z.string(), z.looseObject({})], { error: 'expected a rate such as "100/60s", or { limit, per }' })
    // Not inside the union: that would report "Invalid input" instead of this sentence.
    .transform((given, ctx) => {
      const rate = longRate(given as RateInput);
      if (typeof rate !== 'string') return rate;
      ctx.addIssue(`"${rate}" is not a rate: write requests/window, such as "100/60s", "5/s" or "5000/h"`);
      return z.NEVER;
    })
    .pipe(rateObject)
    .transform(({ limit, per, shape, burst, slack, adaptive, text: given }) => {
      const text = textThatSays(limit, per, given);
      return {
        // In one order, whatever was given: policies are compared as texts.
        limit,
        per,
        shape: shape === 'smooth' ? ('smooth' as const) : ('fixed' as const),
        burst: shape === 'smooth' ? (burst ?? defaultBurst(limit)) : limit,
        slack: slack ?? Math.min(defaultSlackMs, Math.ceil(per / 20)),
        adaptive,
        ...(text !== undefined && { text }),
      };
    });

/** A rate as it may lie in Redis: 0.1 knew no burst, and took a slack that is not less than `per`. */
export const storedRateSchema = rateWith(() => 1);

/**
 * The rate of a queue: `"100/60s"`, `"5000/h"` or `{ limit, per, shape?, burst?, slack?, adaptive? }`.
 * The parsed value always has all six fields, times in ms, and `text` where the window was given with a unit.
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
export function storedRate({ shape, text: _text, ...rate }: Rate): object {
  const permitAge = Math.ceil(rate.slack / 2);
  return { ...rate, shape: shape === 'fixed' ? 'burst' : 'smooth', permitAge };
}

/** As it was given: `100/min`; `100/min, burst 1` where the burst is not the limit; `100/min fixed`. Else `100/1m`. */
export function formatRate({ limit, per, shape, burst, text }: Rate): string {
  const rate = text ?? `${limit}/${formatDuration(per)}`;
  if (shape === 'fixed') return `${rate} fixed`;
  return burst === limit ? rate : `${rate}, burst ${burst}`;
}
