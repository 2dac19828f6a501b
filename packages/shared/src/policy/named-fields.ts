import { isObject } from '../fields/is-object.ts';
import { type Policy, policySchema } from './policy.ts';
import type { PolicyInput } from './policy-types.ts';
import { type Rate, storedRateSchema } from './rate.ts';
import { longRate } from './rate-text.ts';

/**
 * What a policy in code says of a queue that has one already: only the fields that it names. `{ rate: '100/60s' }` says
 * nothing of the slack, so it does not differ from a queue whose slack an operator has changed.
 */
type Fields = Record<string, unknown>;

/** The short forms of a policy, written out. */
function longForm({ rate, concurrency, ...others }: PolicyInput): Fields {
  return {
    ...(rate !== undefined && { rate: rate === null ? null : longRate(rate) }),
    ...(concurrency !== undefined && {
      concurrency: typeof concurrency === 'number' ? { worker: concurrency } : concurrency,
    }),
    ...others,
  };
}

/** Those fields of `whole` that `names` has too, at every depth. */
function pick(whole: unknown, names: unknown): unknown {
  if (!isObject(whole) || !isObject(names)) return whole;
  const named = Object.keys(names).filter((name) => names[name] !== undefined && name in whole);
  return Object.fromEntries(named.map((name) => [name, pick(whole[name], names[name])]));
}

/** `base` with `over` laid on it, at every depth. */
function overlay(base: unknown, over: unknown): unknown {
  if (!isObject(base) || !isObject(over)) return over;
  const names = Object.keys(over);
  return { ...base, ...Object.fromEntries(names.map((name) => [name, overlay(base[name], over[name])])) };
}

/**
 * What a policy names, parsed, beside the same fields of another one. Pure.
 * @param given valid
 */
export function namedFields(given: PolicyInput, other: Policy): { named: unknown; others: unknown } {
  const names = longForm(given);
  // Two texts of one rate are no difference.
  if (isObject(names['rate'])) delete names['rate']['text'];
  return { named: pick(policySchema.parse(given), names), others: pick(other, names) };
}

/** The rate in force without the fields that follow from its others: they will follow the new ones. */
function withoutDefaults({ slack, burst, ...rate }: Rate): Fields {
  const { limit, per } = rate;
  return {
    ...rate,
    ...(slack !== storedRateSchema.parse({ limit, per }).slack && { slack }),
    ...(burst !== limit && { burst }),
  };
}

/** The policy in force with the fields laid over it that the given one names. Not validated. Pure. */
export function withNamed(before: Policy, given: PolicyInput): PolicyInput {
  const base = before.rate === null ? before : { ...before, rate: withoutDefaults(before.rate) };
  return overlay(base, longForm(given)) as PolicyInput;
}
