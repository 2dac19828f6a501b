import { z } from 'zod';
import { duration } from '../fields/duration.ts';
import { methods } from '../fields/methods.ts';

const minute = 60_000;
const day = 86_400_000;

/** When and how often a failed attempt is followed by another. Times in ms. */
export const retryPolicySchema = z.strictObject({
  /** Tries in all, the first included. */
  attempts: z.int().min(1).max(100).default(6),
  /** Delay before the first retry, ms, where the upstream does not say. */
  base: duration({ min: 0, max: day }).default(1000),
  /** Each further retry waits this many times longer: 1, 2, 4, 8, 16 s. */
  factor: z.number().min(1).max(10).default(2),
  /** No computed delay is longer, ms. What the upstream asks is bounded by `maxHold` instead. */
  cap: duration({ min: 0, max: day }).default(minute),
  /** The share of a delay that is random: 0.5 spreads it over 50-100 %. */
  jitter: z.number().min(0).max(1).default(0.5),
  /** Statuses that are tried again. Default of RFC 9110 (408, 503), RFC 8470 (425), RFC 6585 (429) and gateways. */
  statuses: z.array(z.int().min(400).max(599)).default([408, 425, 429, 500, 502, 503, 504]),
  /**
   * Methods tried again after any retryable failure. Others (POST, PATCH) are tried again only after a proof that
   * nothing happened, or when the caller sent an Idempotency-Key.
   */
  methods: z.array(z.enum(methods)).default(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']),
  /**
   * The upstream performs a request with an Idempotency-Key once, however often it comes: then POST and PATCH are
   * tried again like the others, with the key that the worker gives them.
   */
  honoursIdempotencyKey: z.boolean().default(false),
  /** What a bare number in the upstream's `*-reset` headers counts; null: told by its size. */
  resetUnit: z
    .enum(['seconds', 'milliseconds', 'epoch-seconds', 'epoch-milliseconds'])
    .nullable()
    .default(null),
  /** The upstream whose documentation fills in what its headers leave out. */
  profile: z.enum(['github']).nullable().default(null),
});

const { base, factor, cap, jitter, statuses, methods: retried } = retryPolicySchema.shape;

/** What one job may say instead of its queue's policy. (Its tries are `attempts` of the job.) */
export const jobRetrySchema = z.strictObject({
  base: base.unwrap().optional(),
  factor: factor.unwrap().optional(),
  cap: cap.unwrap().optional(),
  jitter: jitter.unwrap().optional(),
  statuses: statuses.unwrap().optional(),
  methods: retried.unwrap().optional(),
});
