import type { PolicyInput } from '@sluice/producer';
import {
  type Fault,
  type Policy,
  type Rate,
  type RateInput,
  SluiceError,
  pathText,
  policySchema,
  rateSchema,
  storedRateSchema,
  validate,
} from '@sluice/shared';
import { portList } from './port-list.ts';

/** The options of `sluice queue set` that change the policy, as typed. */
export type RawPolicyOptions = {
  /** false: `--no-rate`. */
  rate?: string | false;
  shape?: string;
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
};

/** Which option a fault of the policy comes from. */
const optionOf: Record<string, string> = {
  rate: '--rate',
  'rate.limit': '--rate',
  'rate.per': '--rate',
  'rate.shape': '--shape',
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
};

const code = 'SLUICE_INVALID_POLICY';

/** A whole number, or null for `false`; anything else is NaN. */
function whole(text: string | false): number | null {
  if (text === false) return null;
  // The schema reports NaN as not a number.
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** The rate in force without its defaults, which follow from its other fields. */
function givenRate({ slack, permitAge, ...rate }: Rate): RateInput {
  const { limit, per } = rate;
  return {
    ...rate,
    ...(slack !== storedRateSchema.parse({ limit, per }).slack && { slack }),
    ...(permitAge !== storedRateSchema.parse({ limit, per, slack }).permitAge && { permitAge }),
  };
}

/** The rate in force, with what was typed laid over it. */
function patchRate(rate: Rate | null, raw: RawPolicyOptions): RateInput | null {
  const { shape, slack, adaptive } = raw;
  if (raw.rate === false) return null;
  const given = rate === null ? {} : (givenRate(rate) as object);
  const how = {
    ...(shape !== undefined && { shape }),
    ...(slack !== undefined && { slack }),
    ...(adaptive !== undefined && { adaptive }),
  };
  if (raw.rate === undefined) return rate === null ? null : { ...given, ...how };
  const typed = rateSchema.safeParse(raw.rate);
  // As typed, so that the policy's schema reports it together with all other faults.
  if (!typed.success) return raw.rate;
  return { ...given, limit: typed.data.limit, per: typed.data.per, ...how };
}

/**
 * The policy in force with the options laid over it: only what they name changes. Pure.
 * @param before null: there is no policy yet
 * @throws SluiceError SLUICE_INVALID_POLICY that names each option at fault
 */
export function patchPolicy(before: Policy | null, raw: RawPolicyOptions): PolicyInput {
  const policy = before ?? policySchema.parse({});
  const { shape, slack, adaptive } = raw;
  const rate = patchRate(policy.rate, raw);
  if (rate === null && (shape !== undefined || slack !== undefined || adaptive !== undefined)) {
    const message =
      '--shape, --slack and --adaptive say how a rate is kept, and the queue has none; add --rate';
    throw new SluiceError(code, message);
  }
  const next: PolicyInput = { ...policy, rate };
  if (raw.concurrency !== undefined || raw.globalConcurrency !== undefined) {
    next.concurrency = {
      ...policy.concurrency,
      ...(raw.concurrency !== undefined && { worker: whole(raw.concurrency) }),
      ...(raw.globalConcurrency !== undefined && { global: whole(raw.globalConcurrency) }),
    };
  }
  if (raw.attempts !== undefined) {
    next.retry = { ...policy.retry, attempts: whole(raw.attempts) ?? Number.NaN };
  }
  if (raw.timeout !== undefined) next.timeout = raw.timeout;
  if (raw.origin !== undefined) next.origin = raw.origin === false ? null : raw.origin;
  if (raw.maxBody !== undefined) next.maxBody = raw.maxBody;
  if (raw.maxHold !== undefined) next.maxHold = raw.maxHold;
  if (raw.allowNet !== undefined) {
    const list = raw.allowNet === false ? [] : raw.allowNet;
    const allow = list.flatMap((some) => some.split(',')).map((cidr) => cidr.trim());
    next.egress = { ...policy.egress, allow };
  }
  if (raw.ports !== undefined) {
    const ports = raw.ports === false ? undefined : portList(raw.ports);
    next.egress = { ...policy.egress, ...next.egress, ports };
  }
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
