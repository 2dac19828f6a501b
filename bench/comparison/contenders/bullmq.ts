// BullMQ with the limiter of its documentation, in both workers of one queue.
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { concurrency, contend, request } from '../contender.ts';

await contend(async ({ urls, limit, perMs, queue: name, redisUrl }) => {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = new Queue(name, { connection });
  const limiter = { max: limit, duration: perMs };
  const worker = new Worker<string>(name, (job) => request(job.data), { connection, concurrency, limiter });
  await worker.waitUntilReady();
  return () => queue.addBulk(urls.map((data) => ({ name: 'fetch', data })));
});
