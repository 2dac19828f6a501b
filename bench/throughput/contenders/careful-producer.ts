// The producer of a careful user: bulk adds, nothing kept, no results. It ends when everything is enqueued.
import { Queue } from 'bullmq';
import { serveProducer } from './serve.ts';
import { readSetting, urls } from './task.ts';

const { redisUrl, queue: name, upstreamUrl, inFlight } = readSetting();

const queue = new Queue(name, {
  connection: { url: redisUrl },
  streams: { events: { maxLen: 100 } },
});

const enqueue = async (jobs: number) => {
  let bulk: { name: string; data: { url: string }; opts: { attempts: number } }[] = [];
  const flush = async () => {
    const full = bulk;
    bulk = [];
    await queue.addBulk(full);
  };
  for (const url of urls(upstreamUrl, jobs)) {
    bulk.push({ name: 'fetch', data: { url }, opts: { attempts: 6 } });
    if (bulk.length === inFlight) await flush();
  }
  if (bulk.length > 0) await flush();
};
await queue.waitUntilReady();

serveProducer({ run: enqueue, fill: enqueue });
