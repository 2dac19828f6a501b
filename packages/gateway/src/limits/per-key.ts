import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { SluiceError, keysOf } from '@sluice/shared';
import type { GatewayRedis } from '../gateway-redis.ts';

/** Requests that each key may make in each window, over all gateways. */
export type KeyRate = { limit: number; per: number };

/**
 * Counts the requests of each key in Redis, and refuses those above its rate. For the routes that are registered after
 * this. It runs when a key is known, and before a body is read; where no keys are asked for, an address is one.
 */
export async function limitKeys(app: FastifyInstance, redis: GatewayRedis, rate: KeyRate): Promise<void> {
  await app.register(rateLimit, {
    max: rate.limit,
    timeWindow: rate.per,
    redis: redis.client,
    nameSpace: keysOf(redis.prefix).requests(''),
    // What is open to all (the document and its pages) costs no command of Redis.
    allowList: ({ caller }) => caller === null,
    keyGenerator: ({ caller, ip }) => (caller?.key === undefined ? `at ${ip}` : caller.id),
    errorResponseBuilder: (_request, { max, ttl }) => {
      const message = `more than ${max} requests of this key in ${rate.per / 1000} s; slow down`;
      return new SluiceError('SLUICE_TOO_MANY_REQUESTS', message, { retryAfterMs: ttl });
    },
    // Whoever keeps to the rate need not be told of it with each answer.
    addHeadersOnExceeding: {
      'x-ratelimit-limit': false,
      'x-ratelimit-remaining': false,
      'x-ratelimit-reset': false,
    },
    addHeaders: {
      'x-ratelimit-limit': false,
      'x-ratelimit-remaining': false,
      'x-ratelimit-reset': false,
      'retry-after': false,
    },
  });
}
