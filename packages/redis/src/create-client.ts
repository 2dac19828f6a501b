import type { Redis, RedisOptions } from 'ioredis';

/** ioredis' words. The form of its answers stays the default one. */
export type ClientSettings = Omit<RedisOptions, 'replyMapping'>;

/** Makes a client that is not connected yet. */
export type CreateClient = (target: string, options: ClientSettings) => Redis;
