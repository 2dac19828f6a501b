import type { z } from 'zod';
import { SluiceError } from '../errors.ts';
import { isObject } from '../fields/is-object.ts';
import { type Policy, policySchema } from './policy.ts';
import { textThatSays } from './rate-text.ts';
import { storedRate, storedRateSchema } from './rate.ts';
import { faultsOf, faultsText, parse } from '../validate.ts';

/** What an older version could write, besides what this one does. */
const storedPolicySchema = policySchema.extend({ rate: storedRateSchema.nullable().default(null) });

/** Takes the fields that the schema does not know out of a value. */
function withoutUnknown(value: unknown, error: z.core.$ZodError): unknown {
  const known = structuredClone(value);
  for (const issue of error.issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    const parent = issue.path.reduce<unknown>(
      (at, part) => (at as Record<string, unknown>)[String(part)],
      known,
    );
    for (const key of issue.keys) delete (parent as Record<string, unknown>)[key];
  }
  return known;
}

/** The first value, with what only the second one has. */
function completed(value: unknown, more: unknown): unknown {
  if (!isObject(value) || !isObject(more)) return value;
  const names = new Set([...Object.keys(value), ...Object.keys(more)]);
  return Object.fromEntries(
    [...names].map((name) => [name, name in value ? completed(value[name], more[name]) : more[name]]),
  );
}

/** Not one that says another rate: whoever wrote the policy knew nothing of it. */
function addText(rate: Record<string, unknown>, text: string): void {
  const { limit, per } = rate;
  if (textThatSays(Number(limit), Number(per), text) !== undefined) rate['text'] = text;
}

/**
 * A policy as it lies in Redis, written by whatever version. Fields that an older one did not write have their defaults;
 * fields that a newer one added stay where they are, so that they are not lost unnoticed: whoever writes the policy
 * back is told of them.
 * @param rateText that the rate was given as, stored beside the policy; it is ignored if it says another rate, since a
 * version that knows nothing of it changes the policy alone
 * @throws SluiceError SLUICE_INVALID_POLICY when it is no policy, or one whose values this version does not know
 */
export function readStoredPolicy(queue: string, json: string, rateText?: string | null): Policy {
  const what = `the stored policy of queue "${queue}" cannot be read by this version`;
  let written: unknown;
  try {
    written = JSON.parse(json);
  } catch (error) {
    throw new SluiceError('SLUICE_INVALID_POLICY', `${what}: it is not JSON`, { cause: error });
  }
  if (rateText && isObject(written) && isObject(written['rate'])) addText(written['rate'], rateText);
  const parsed = parse(storedPolicySchema, written);
  if (parsed.success) return parsed.data;
  const known = parse(storedPolicySchema, withoutUnknown(written, parsed.error));
  if (known.success) return completed(known.data, written) as Policy;
  const faults = faultsOf(known.error);
  throw new SluiceError('SLUICE_INVALID_POLICY', `${what}: ${faultsText(faults)}`, { faults });
}

/** A policy as it is written to Redis. Policies are compared as these texts. */
export function storedPolicy({ maxBacklog, ...policy }: Policy): string {
  const rate = policy.rate === null ? null : storedRate(policy.rate);
  // An older version leaves a policy with a field that it does not know alone, so it is written only where it says something.
  return JSON.stringify({ ...policy, rate, ...(maxBacklog !== null && { maxBacklog }) });
}
