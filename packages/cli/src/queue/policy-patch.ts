import type { PolicyInput } from '@sluice/producer';
import {
  type Fault,
  type Policy,
  type RateInput,
  SluiceError,
  longRate,
  pathText,
  policySchema,
  validate,
  withNamed,
} from '@sluice/shared';
import { portList } from './port-list.ts';

/** The options of `sluice queue set` that change the policy, as typed. */
export type RawPolicyOptions = {
  /** false: `--no-rate`. */
  rate?: string | false;
  shape?: string;
  burst?: string;
  slack?: string;
  adaptive?: boolean;
  concurrency?: string | false;
  globalConcurrency?: string | false;
  timeout?: string;
  attempts?: string;
  origin?: string | false;
  allowNet?: string[] | false;
  ports?: string | false;
  maxBody?: string;
  maxHold?: string;
  maxBacklog?: string | false;
};

/** Which option a fault of the policy comes from. */
const optionOf: Record<string, string> = {
  rate: '--rate',
  'rate.limit': '--rate',
  'rate.per': '--rate',
  'rate.shape': '--shape',
  'rate.burst': '--burst',
  'rate.slack': '--slack',
  'rate.adaptive': '--adaptive',
  'concurrency.worker': '--concurrency',
  'concurrency.global': '--global-concurrency',
  timeout: '--timeout',
  'retry.attempts': '--attempts',
  origin: '--origin',
  'egress.allow': '--allow-net',
  'egress.ports': '--ports',
  maxBody: '--max-body',
  maxHold: '--max-hold',
  maxBacklog: '--max-backlog',
};

const code = 'SLUICE_INVALID_POLICY';

/** A whole number, or null for `false`; anything else is NaN. */
function whole(text: string | false): number | null {
  if (text === false) return null;
  // The schema reports NaN as not a number.
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** @param how what the options say of a rate besides its limit and its window */
function namedRate(typed: string | false | undefined, how: object): PolicyInput['rate'] {
  if (typed === false) return null;
  if (typed === undefined) return how as RateInput;
  const rate = longRate(typed);
  // What is no rate is left to the policy's schema, which says so beside all other faults.
  return typeof rate === 'string' ? rate : { ...rate, ...how };
}

/** The fields of a policy that the options name. */
function namedBy(raw: RawPolicyOptions): PolicyInput {
  const { shape, burst, slack, adaptive } = raw;
  const list = (cidrs: string[]) => cidrs.flatMap((some) => some.split(',')).map((cidr) => cidr.trim());
  const how = {
    ...(shape !== undefined && { shape }),
    ...(burst !== undefined && { burst: whole(burst) }),
    ...(slack !== undefined && { slack }),
    ...(adaptive !== undefined && { adaptive }),
  };
  return {
    ...((raw.rate !== undefined || Object.keys(how).length > 0) && { rate: namedRate(raw.rate, how) }),
    ...((raw.concurrency !== undefined || raw.globalConcurrency !== undefined) && {
      concurrency: {
        ...(raw.concurrency !== undefined && { worker: whole(raw.concurrency) }),
        ...(raw.globalConcurrency !== undefined && { global: whole(raw.globalConcurrency) }),
      },
    }),
    ...(raw.attempts !== undefined && { retry: { attempts: whole(raw.attempts) ?? Number.NaN } }),
    ...(raw.timeout !== undefined && { timeout: raw.timeout }),
    ...(raw.origin !== undefined && { origin: raw.origin === false ? null : raw.origin }),
    ...(raw.maxBody !== undefined && { maxBody: raw.maxBody }),
    ...(raw.maxBacklog !== undefined && { maxBacklog: whole(raw.maxBacklog) }),
    ...(raw.maxHold !== undefined && { maxHold: raw.maxHold }),
    ...((raw.allowNet !== undefined || typeof raw.ports === 'string') && {
      egress: {
        ...(raw.allowNet !== undefined && { allow: raw.allowNet === false ? [] : list(raw.allowNet) }),
        ...(typeof raw.ports === 'string' && { ports: portList(raw.ports) }),
      },
    }),
  };
}

/**
 * The policy in force with the options laid over it: only what they name changes. Pure.
 * @param before null: there is no policy yet
 * @throws SluiceError SLUICE_INVALID_POLICY that names each option at fault
 */
export function patchPolicy(before: Policy | null, raw: RawPolicyOptions): PolicyInput {
  const policy = before ?? policySchema.parse({});
  const named = namedBy(raw);
  const saysHow = [raw.shape, raw.burst, raw.slack, raw.adaptive].some((option) => option !== undefined);
  if (saysHow && (raw.rate === false || (raw.rate === undefined && policy.rate === null))) {
    const message =
      '--shape, --burst, --slack and --adaptive say how a rate is kept, and the queue has none; add --rate';
    throw new SluiceError(code, message);
  }
  const next = withNamed(policy, named);
  // Absent is a value of this one field: the ports that are open by default.
  if (raw.ports === false) next.egress = { ...next.egress, ports: undefined };
  try {
    return validate(policySchema, next, code, '');
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const option = ({ parts, path }: Fault) =>
      optionOf[pathText(parts.filter((part) => typeof part === 'string'))] ?? path;
    const list = error.faults.map((one) => `${option(one)}: ${one.message}`);
    throw new SluiceError(code, list.join('\n  '), { faults: error.faults });
  }
}
