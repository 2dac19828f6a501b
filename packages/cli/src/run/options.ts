import type { PolicyInput } from '@sluice/producer';
import {
  SluiceError,
  policySchema,
  queueNameSchema,
  rateSchema,
  validate,
  prefixSchema,
} from '@sluice/shared';
import { redactRedisUrl, redisUrlSchema } from '@sluice/redis';
import { portList } from '../queue/port-list.ts';
import { namedPlace } from '../fleet-options.ts';

/** The options of `sluice run`, as typed. */
export type RawRunOptions = {
  rate?: string;
  concurrency: string;
  workers: string;
  attempts?: string;
  timeout?: string;
  maxBody?: string;
  allowNet?: string[];
  ports?: string;
  out?: string;
  bodies?: boolean;
  redis?: string;
  prefix?: string;
  queue?: string;
  json?: boolean;
  quiet?: boolean;
};

/** The options of `sluice run`, checked. */
export type RunCommandOptions = {
  policy: PolicyInput;
  concurrency: number;
  workers: number;
  out: string | undefined;
  bodies: boolean;
  redis: string | undefined;
  prefix: string | undefined;
  queue: string | undefined;
  json: boolean;
  quiet: boolean;
};

/** Variables that stand in for options. */
export type RunEnvironment = { SLUICE_REDIS_URL?: string | undefined; SLUICE_PREFIX?: string | undefined };

function integer(text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new SluiceError('SLUICE_INVALID_CONFIG', `"${text}" is not a whole number from ${min} to ${max}`);
}

/**
 * Checks the options of `sluice run`. Pure.
 * @throws SluiceError SLUICE_INVALID_CONFIG that lists every fault
 */
export function readRunOptions(raw: RawRunOptions, env: RunEnvironment): RunCommandOptions {
  const faults: string[] = [];
  const check = <T>(name: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      faults.push(`${name}: ${error.message.replace(/^: /, '')}`);
      return undefined;
    }
  };
  const code = 'SLUICE_INVALID_CONFIG';
  const { shape } = policySchema;
  const { redis, prefix } = namedPlace(raw, env);
  const policy: PolicyInput = {};

  const concurrency = check('--concurrency', () => integer(raw.concurrency, 1, 10_000));
  const workers = check('--workers', () => integer(raw.workers, 0, 256));
  if (raw.rate !== undefined) {
    check(`--rate ${raw.rate}`, () => validate(rateSchema, raw.rate, code, ''));
    policy.rate = raw.rate;
  }
  if (raw.attempts !== undefined) {
    const attempts = check('--attempts', () => integer(raw.attempts!, 1, 100));
    if (attempts !== undefined) policy.retry = { attempts };
  }
  if (raw.timeout !== undefined) {
    check('--timeout', () => validate(shape.timeout, raw.timeout, code, ''));
    policy.timeout = raw.timeout;
  }
  if (raw.maxBody !== undefined) {
    check('--max-body', () => validate(shape.maxBody, raw.maxBody, code, ''));
    policy.maxBody = raw.maxBody;
  }
  if (raw.allowNet !== undefined) {
    const allow = raw.allowNet.flatMap((list) => list.split(',')).map((cidr) => cidr.trim());
    check('--allow-net', () => validate(shape.egress, { allow }, code, ''));
    policy.egress = { allow };
  }
  if (raw.ports !== undefined) {
    const ports = portList(raw.ports);
    check('--ports', () => validate(shape.egress, { ports }, code, ''));
    policy.egress = { ...policy.egress, ports };
  }
  if (redis !== null) check(redis.name, () => validate(redisUrlSchema, redis.value, code, ''));
  if (prefix !== null) check(prefix.name, () => validate(prefixSchema, prefix.value, code, ''));
  if (raw.queue !== undefined) check('--queue', () => validate(queueNameSchema, raw.queue, code, ''));
  if (redis === null && raw.queue !== undefined)
    faults.push('--queue: needs --redis (or SLUICE_REDIS_URL) to say where it is');
  if (redis === null && workers === 0)
    faults.push('--workers: 0 needs --redis (or SLUICE_REDIS_URL), where other workers are');
  // A shared queue has the caps of its policy; the run's own queue gets ours.
  if (raw.queue === undefined && concurrency !== undefined) policy.concurrency = { worker: concurrency };

  if (faults.length > 0) throw new SluiceError(code, faults.join('\n  '));
  return {
    policy,
    concurrency: concurrency!,
    workers: workers!,
    out: raw.out,
    bodies: raw.bodies ?? false,
    redis: redis?.value,
    prefix: prefix?.value,
    queue: raw.queue,
    json: raw.json ?? false,
    quiet: raw.quiet ?? false,
  };
}

/** Where the jobs go, for people. Pure. */
export function placeText(options: RunCommandOptions): string {
  return options.redis === undefined ? 'a private Redis' : redactRedisUrl(options.redis);
}
