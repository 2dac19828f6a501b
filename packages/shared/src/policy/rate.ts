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
   * `burst`: a fixed window, as BullMQ counts it; up to 2 x `limit` can fall around a window's edge.
   */
  shape: z.enum(['smooth', 'burst']).default('smooth'),
  /**
   * How late, in ms, a request may arrive after its permit without breaking the window (default 30, or 5 % of
   * `per` when that is less). Larger wastes `slack / per` of the rate; smaller makes slow connections miss permits.
   * Less than `per`. Below 5 no process keeps it: its timers alone are late by a millisecond or two, and no job would
   * ever be sent.
   */
  slack: duration({ min: 5, max: 60_000 }).optional(),
  /**
   * How old a permit may be when its request's first byte leaves, ms (default half the slack: the other half is the
   * network's). An older one is not used. Smaller wastes more permits on a busy machine.
   */
  permitAge: duration({ min: 3, max: 60_000 }).optional(),
  /**
   * Lower the rate when the upstream rejects requests, and climb back slowly (default true; `smooth` only). Without it, a
   * rate set too high is rejected again and again.
   */
  adaptive: z.boolean().default(true),
});

/** A rate as it may lie in Redis: 0.1 took one whose slack is not less than `per`. Otherwise as `rateSchema`. */
export const storedRateSchema = z
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
  .transform(({ limit, per, shape, adaptive, ...rate }) => {
    const slack = rate.slack ?? Math.min(defaultSlackMs, Math.ceil(per / 20));
    const permitAge = Math.min(rate.permitAge ?? Math.ceil(slack / 2), slack);
    // In one order, whatever was given: policies are compared as texts.
    return { limit, per, shape, slack, permitAge, adaptive };
  });

/**
 * The rate of a queue: `"100/60s"` or `{ limit, per, shape?, slack?, permitAge?, adaptive? }`.
 * The parsed value always has all six fields, times in ms.
 */
export const rateSchema = storedRateSchema.refine(({ per, slack }) => slack < per, {
  path: ['slack'],
  error: 'must be less than per: half of the rate and more would not be used',
});

export type RateInput = z.input<typeof rateSchema>;
export type Rate = z.output<typeof rateSchema>;

/** `100/1m`, or `100/1m burst`. */
export function formatRate(rate: Rate): string {
  return `${rate.limit}/${formatDuration(rate.per)}${rate.shape === 'burst' ? ' burst' : ''}`;
}
