// Bottleneck with its Redis clustering, evenly spaced: `minTime` holds for both processes. (A `reservoir` is refilled only
// with its heartbeat, every 5 s.)
import Bottleneck from 'bottleneck';
import { Redis } from 'ioredis';
import { concurrency, contend, request } from '../contender.ts';

await contend(async ({ urls, limit, perMs, queue, redisUrl }) => {
  const limiter = new Bottleneck({
    id: queue,
    datastore: 'ioredis',
    connection: new Bottleneck.IORedisConnection({ client: new Redis(redisUrl) }),
    minTime: perMs / limit,
    maxConcurrent: concurrency * 2,
  });
  await limiter.ready();
  return () => Promise.all(urls.map((url) => limiter.schedule(() => request(url))));
});
