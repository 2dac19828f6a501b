// The producer of a user who has seen what waitUntilFinished costs: one listener for all jobs, and a map of promises.
import { randomUUID } from 'node:crypto';
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
    removeOnComplete: true,
    removeOnFail: { count: 1000 },
  },
});
type Result = { status: number; headers: Record<string, string>; body: string };
const waiting = new Map<string, PromiseWithResolvers<Result>>();
const take = (id: string) => {
  const waiter = waiting.get(id);
  waiting.delete(id);
  return waiter;
};
const events = new QueueEvents(name, { connection });
// BullMQ has parsed the value already, whatever its types say.
events.on('completed', ({ jobId, returnvalue }) => take(jobId)?.resolve(returnvalue as unknown as Result));
events.on('failed', ({ jobId, failedReason }) => take(jobId)?.reject(new Error(failedReason)));
await events.waitUntilReady();

const add = (url: string, jobId: string) =>
  queue.add('fetch', { url, method: 'GET', headers: {} }, { jobId });

serveProducer({
  run: (jobs) =>
    inParallel(urls(upstreamUrl, jobs), inFlight, async (url) => {
      const id = randomUUID();
      const result = Promise.withResolvers<Result>();
      waiting.set(id, result);
      await add(url, id);
      const { status, body } = await result.promise;
      check(status, Buffer.byteLength(body));
    }),
  fill: (jobs) =>
    inParallel(urls(upstreamUrl, jobs), inFlight, async (url) => void (await add(url, randomUUID()))),
});
