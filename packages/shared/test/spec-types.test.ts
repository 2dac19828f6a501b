import { describe, expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type {
  Body,
  EgressSpec,
  JobRetry,
  JobSpec,
  PolicyInput,
  Rate,
  RateSpec,
  RetrySpec,
  jobSpecSchema,
  policySchema,
} from '../src/index.ts';
import type { jobRetrySchema } from '../src/policy/retry-policy.ts';

/**
 * The interfaces carry the documentation, the schemas the checks: each has to take what the other takes. Checked by tsc;
 * nothing happens when this runs.
 */
type Given = z.input<typeof jobSpecSchema>;

/** What the schema sees: a Blob or FormData has been read by then. */
type Read = Omit<JobSpec, 'body'> & { body?: Body | undefined };

describe('the documented types', () => {
  test('are what the schemas take', () => {
    expectTypeOf<Read>().toExtend<Given>();
    expectTypeOf<Given>().toExtend<Read>();
    expectTypeOf<keyof Read>().toEqualTypeOf<keyof Given>();
    expectTypeOf<JobRetry>().toExtend<z.input<typeof jobRetrySchema>>();
    expectTypeOf<z.input<typeof jobRetrySchema>>().toExtend<JobRetry>();
    expectTypeOf<keyof JobRetry>().toEqualTypeOf<keyof z.input<typeof jobRetrySchema>>();
  });

  test('of a policy are what its schema takes', () => {
    type Policy = z.input<typeof policySchema>;
    expectTypeOf<Omit<PolicyInput, 'rate'>>().toExtend<Omit<Policy, 'rate'>>();
    expectTypeOf<keyof PolicyInput>().toEqualTypeOf<keyof Policy>();
    // The schema takes any object as a rate, and looks into it later.
    expectTypeOf<Omit<Policy, 'rate'>>().toExtend<Omit<PolicyInput, 'rate'>>();
    expectTypeOf<keyof RateSpec>().toEqualTypeOf<keyof Rate | 'permitAge'>();
    expectTypeOf<keyof RetrySpec>().toEqualTypeOf<keyof NonNullable<Policy['retry']>>();
    expectTypeOf<keyof EgressSpec>().toEqualTypeOf<keyof NonNullable<Policy['egress']>>();
    const misspelt: PolicyInput = {
      // @ts-expect-error -- misspelt
      rate: { limti: 3, per: '1s' },
    };
    expectTypeOf(misspelt).toEqualTypeOf<PolicyInput>();
  });
});
