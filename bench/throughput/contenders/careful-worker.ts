// The worker of a careful user: undici's request with a pool as large as the concurrency, nothing returned.
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { Agent, request } from 'undici';
import { serveUntilDisconnect } from './serve.ts';
import { check, readSetting } from './task.ts';

const { redisUrl, queue, concurrency } = readSetting();
const dispatcher = new Agent({ connections: concurrency, pipelining: 1 });

const worker = new Worker(
  queue,
  async (job) => {
    const { url } = job.data as { url: string };
    const { statusCode, body } = await request(url, { dispatcher });
    check(statusCode, (await body.bytes()).length);
  },
  {
    connection: new Redis(redisUrl, { maxRetriesPerRequest: null }),
    concurrency,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 1000 },
  },
);
await worker.waitUntilReady();
serveUntilDisconnect();
