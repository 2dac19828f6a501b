import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@sluice/producer';
import { type Task, endsAs, keepMs } from './task.ts';

const list = (count: number, url: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => url(index));

/** Tasks of several jobs, and those that use more than jobs. */
export const tasksOfMany: readonly Task[] = [
  {
    name: 'inside a semaphore',
    share: 10,
    jobs: 1,
    perform: ({ sluice, upstreamUrl }, n) =>
      sluice.semaphore('bench', 5).run(() => sluice.fetch(`${upstreamUrl}/item/${n}`)),
  },
  {
    name: 'stream',
    share: 4,
    jobs: 50,
    perform: async ({ sluice, upstreamUrl }, n) => {
      const stream = sluice.stream(list(50, (index) => `${upstreamUrl}/item/${n}-${index}`));
      for await (const item of stream) await endsAs('response', Promise.resolve(item));
    },
  },
  {
    name: 'batch',
    share: 2,
    jobs: 50,
    perform: async ({ sluice, upstreamUrl }, n) => {
      const urls = list(50, (index) => `${upstreamUrl}/item/${n}-${index}`);
      const batch = sluice.batch(`batch-${n}`);
      for await (const _ of sluice.enqueueMany(urls, { batch: batch.name, keepMs }));
      for await (const item of batch.results()) await endsAs('response', Promise.resolve(item));
      await batch.remove();
    },
  },
  {
    name: 'gather',
    share: 5,
    jobs: 10,
    perform: ({ sluice, upstreamUrl }, n) =>
      sluice.gather(list(10, (index) => `${upstreamUrl}/item/${n}-${index}`)),
  },
  {
    name: 'group that fails',
    share: 2,
    jobs: 5,
    perform: ({ sluice, upstreamUrl }) =>
      sluice
        .group(async (group) => {
          for (const url of list(4, () => `${upstreamUrl}/delay/5000`)) void group.fetch(url);
          await group.fetch(`${upstreamUrl}/status/500`, { attempts: 1 });
        })
        .catch((error: unknown) => {
          if (!(error instanceof AggregateError)) throw error;
        }),
  },
  {
    name: 'producer that does not stay',
    share: 1,
    jobs: 2,
    perform: async ({ redisUrl, queue, upstreamUrl }, n) => {
      await using passer = await connect({ redis: redisUrl, queue });
      for (const url of list(2, (index) => `${upstreamUrl}/item/${n}-${index}`)) {
        await passer.enqueue(url, { keepMs });
      }
    },
  },
  {
    name: 'queue that comes and goes',
    share: 1,
    jobs: 1,
    perform: async ({ sluice, upstreamUrl }, n) => {
      const queue = `passing-${n}`;
      await sluice.policies.set(queue, { rate: '100/1s', egress: { allow: ['127.0.0.0/8'] } });
      await sluice.fetch(`${upstreamUrl}/item/${n}`, { queue });
      // The reply comes before the worker has told BullMQ.
      while ((await sluice.queues.show(queue)).counts.active > 0) await sleep(20);
      await sluice.queues.remove(queue);
    },
  },
];
