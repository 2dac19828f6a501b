import { Redis } from 'ioredis';
import { startPrivateRedis } from '../../packages/cli/src/run/redis/private-redis.ts';
import { spawnUpstream } from '../../test/lab/upstream/spawn.ts';
import type { Upstream } from '../../test/lab/upstream/server.ts';
import { type Setting, bodyBytes } from './contenders/task.ts';

/** What all contenders share: one Redis, which they have to themselves, and one upstream. */
export type Stage = AsyncDisposable & {
  redis: Redis;
  upstream: Upstream;
  setting: Omit<Setting, 'queue'>;
};

export async function openStage(options: { concurrency: number; inFlight: number }): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startPrivateRedis());
  const upstream = stack.use(await spawnUpstream({ bodyBytes }));
  const redis = new Redis(server.url);
  stack.defer(() => redis.disconnect());
  const opened = stack.move();
  return {
    redis,
    upstream,
    setting: { redisUrl: server.url, upstreamUrl: upstream.url, ...options },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
