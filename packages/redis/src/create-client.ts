import type { Redis, RedisOptions } from 'ioredis';

/** ioredis' options, except that its answers keep their default form. */
export type ClientSettings = Omit<RedisOptions, 'replyMapping'>;

/** Makes a client that is not connected yet. */
export type CreateClient = (target: string, options: ClientSettings) => Redis;
