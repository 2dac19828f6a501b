import { z } from 'zod';
import { bodyStoreUrlSchema } from '@sluice/body-store';
import { defaultRedisUrl, redisUrlSchema } from '@sluice/redis';
import {
  defaultPrefix,
  duration,
  parseCidr,
  parseRateText,
  prefixSchema,
  validate,
  variablesOf,
} from '@sluice/shared';
import { guardedFields } from './routes/queues.ts';

const port = (usual: number) =>
  z.coerce
    .number({ error: 'must be a number' })
    .pipe(z.int({ error: 'must be a whole number' }).min(0).max(65_535))
    .default(usual);

const fields = z
  .string()
  .transform((text, ctx) => {
    const names = text.split(',').map((name) => name.trim());
    const unknown = names.find((name) => !guardedFields.some((field) => field === name));
    if (unknown !== undefined) {
      ctx.addIssue(`"${unknown}" is none of ${guardedFields.join(', ')}`);
      return z.NEVER;
    }
    return guardedFields.filter((field) => names.includes(field));
  })
  .default([]);

const keyRate = z
  .string()
  .transform((text, ctx) => {
    if (text === 'none') return null;
    const rate = parseRateText(text);
    if (rate !== null && rate.limit >= 1 && rate.per >= 100 && rate.per <= 3_600_000) return rate;
    ctx.addIssue('must be requests per window, such as 1000/1s (window 100ms to 1h), or none');
    return z.NEVER;
  })
  .prefault('1000/1s');

/** Groups of addresses that Fastify knows. */
const addressGroups = ['loopback', 'linklocal', 'uniquelocal'];

const isProxy = (text: string) => addressGroups.includes(text) || parseCidr(text) !== null;

const proxies = z
  .string()
  .transform((text, ctx) => {
    const names = text.split(',').map((name) => name.trim());
    const wrong = names.find((name) => !isProxy(name));
    if (wrong === undefined) return names;
    ctx.addIssue(`"${wrong}" is neither an address, a CIDR, nor one of ${addressGroups.join(', ')}`);
    return z.NEVER;
  })
  .default([]);

/** The environment of a gateway process. Every variable begins with SLUICE_. */
export const gatewayConfigSchema = z
  .strictObject({
    /** Where the queues are. Redis >= 7.0 or Valkey >= 8. */
    SLUICE_REDIS_URL: redisUrlSchema.default(defaultRedisUrl),
    /** The key prefix that this gateway shares with the workers. */
    SLUICE_PREFIX: prefixSchema.default(defaultPrefix),
    /** Port of the API; 0: any that is free. */
    SLUICE_GATEWAY_PORT: port(8000),
    /** Address that the API listens on. */
    SLUICE_GATEWAY_HOST: z.string().min(1).default('127.0.0.1'),
    /**
     * `keys`: callers need an API key (`sluice key create`). `none`: whoever reaches the gateway may do everything.
     * `auto`: `none` on the loopback, else `keys`.
     */
    SLUICE_GATEWAY_AUTH: z.enum(['auto', 'keys', 'none']).default('auto'),
    /** Fields of a policy that may be changed through the API although they could open more than their queue. */
    SLUICE_GATEWAY_POLICY: fields,
    /** Requests that each key may make in each window, over all gateways: `1000/1s`; `none`: as many as it likes. */
    SLUICE_GATEWAY_KEY_RATE: keyRate,
    /** Proxies whose X-Forwarded-For is believed: addresses or CIDRs, comma-separated. */
    SLUICE_GATEWAY_TRUST_PROXY: proxies,
    /** Port of /livez and /readyz; 0 switches the server off. */
    SLUICE_HEALTH_PORT: port(8080),
    SLUICE_HEALTH_HOST: z.string().default('0.0.0.0'),
    /** On SIGTERM, how long requests under way may take to finish. */
    SLUICE_GRACE: duration({ min: 0, max: 3_600_000 }).default(25_000),
    /** Where the workers store large bodies: `file:///directory`, or `s3://bucket/prefix`. */
    SLUICE_BODY_STORE: bodyStoreUrlSchema.optional(),
    SLUICE_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  })
  .transform((env) => ({
    redisUrl: env.SLUICE_REDIS_URL,
    prefix: env.SLUICE_PREFIX,
    api: { port: env.SLUICE_GATEWAY_PORT, host: env.SLUICE_GATEWAY_HOST },
    auth: env.SLUICE_GATEWAY_AUTH,
    openFields: env.SLUICE_GATEWAY_POLICY,
    keyRate: env.SLUICE_GATEWAY_KEY_RATE,
    trustedProxies: env.SLUICE_GATEWAY_TRUST_PROXY,
    health: { port: env.SLUICE_HEALTH_PORT, host: env.SLUICE_HEALTH_HOST },
    graceMs: env.SLUICE_GRACE,
    hasBodyStore: env.SLUICE_BODY_STORE !== undefined,
    logLevel: env.SLUICE_LOG_LEVEL,
  }));

export type GatewayConfig = z.output<typeof gatewayConfigSchema> & {
  /** The URL as it was given: `connect` reads it. */
  bodyStore: string | undefined;
};

/** Reads the gateway's variables from an environment. Lists every fault; an unknown variable is one (a typo). */
export function readGatewayConfig(env: Readonly<Record<string, string | undefined>>): GatewayConfig {
  const own = variablesOf('gateway', env);
  const config = validate(gatewayConfigSchema, own, 'SLUICE_INVALID_CONFIG', 'the environment has faults');
  return { ...config, bodyStore: own['SLUICE_BODY_STORE'] };
}
