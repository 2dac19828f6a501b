// The producer of a competent user: one add per job, and BullMQ's documented way to await its result.
import { Queue, QueueEvents } from 'bullmq';
import { inParallel, serveProducer } from './serve.ts';
import { check, readSetting, urls } from './task.ts';

const { redisUrl, queue: name, upstreamUrl, inFlight } = readSetting();
const connection = { url: redisUrl };

const queue = new Queue(name, {
  connection,
  defaultJobOptions: {
    attempts: 6,
    backoff: { type: 'exponential', delay: 1000 },
    // `true` would remove a job before waitUntilFinished looks at it, and lose its result.
    removeOnComplete: { count: 1000 },
    removeOnFail: { count: 1000 },
  },
});
const events = new QueueEvents(name, { connection });
// Each awaited job has a listener on both.
queue.setMaxListeners(0);
events.setMaxListeners(0);
await events.waitUntilReady();

type Result = { status: number; headers: Record<string, string>; body: string };
const add = (url: string) => queue.add('fetch', { url, method: 'GET', headers: {} });

serveProducer({
  run: (jobs) =>
    inParallel(urls(upstreamUrl, jobs), inFlight, async (url) => {
      const job = await add(url);
      const result = (await job.waitUntilFinished(events)) as Result;
      check(result.status, Buffer.byteLength(result.body));
    }),
  fill: (jobs) => inParallel(urls(upstreamUrl, jobs), inFlight, async (url) => void (await add(url))),
});
