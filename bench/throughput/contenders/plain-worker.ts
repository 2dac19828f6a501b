// The worker of a competent user: BullMQ and the global fetch, the result as the job's return value.
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { serveUntilDisconnect } from './serve.ts';
import { readSetting } from './task.ts';

const { redisUrl, queue, concurrency } = readSetting();

const worker = new Worker(
  queue,
  async (job) => {
    const { url, method, headers } = job.data as {
      url: string;
      method: string;
      headers: Record<string, string>;
    };
    const response = await fetch(url, { method, headers, signal: AbortSignal.timeout(30_000) });
    const body = await response.text();
    return { status: response.status, headers: Object.fromEntries(response.headers), body };
  },
  { connection: new Redis(redisUrl, { maxRetriesPerRequest: null }), concurrency },
);
await worker.waitUntilReady();
serveUntilDisconnect();
