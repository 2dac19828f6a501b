import { setTimeout as sleep } from 'node:timers/promises';
import { type Task, endsAs, keepMs } from './task.ts';

/** Tasks of one job: how it ends, and what is kept of it. */
export const tasksOfOne: readonly Task[] = [
  {
    name: 'fetch',
    share: 506,
    jobs: 1,
    perform: ({ sluice, upstreamUrl }, n) => sluice.fetch(`${upstreamUrl}/item/${n}`),
  },
  {
    name: '404',
    share: 60,
    jobs: 1,
    perform: ({ sluice, upstreamUrl }) => sluice.fetch(`${upstreamUrl}/status/404`),
  },
  {
    name: 'large body',
    share: 10,
    jobs: 1,
    perform: ({ sluice, upstreamUrl }) => sluice.fetch(`${upstreamUrl}/bytes/65536`),
  },
  {
    name: 'fails for good',
    share: 60,
    jobs: 1,
    perform: async ({ sluice, upstreamUrl }) => {
      const handle = await sluice.enqueue({ url: `${upstreamUrl}/status/500`, attempts: 1 }, { keepMs });
      await endsAs('http-error', handle.outcome());
    },
  },
  {
    name: 'fails, and only its caller keeps it',
    share: 20,
    jobs: 1,
    perform: async ({ sluice, upstreamUrl }) => {
      const failed = await sluice.fetch(`${upstreamUrl}/status/500`, { attempts: 1 }).then(
        () => false,
        () => true,
      );
      if (!failed) throw new Error('status 500 was taken for a success');
    },
  },
  {
    name: 'retried',
    share: 20,
    jobs: 1,
    perform: ({ sluice, upstreamUrl }, n) => sluice.fetch(`${upstreamUrl}/status/503?times=1&n=${n}`),
  },
  {
    name: 'rejected with a wait',
    share: 1,
    jobs: 1,
    perform: ({ sluice, upstreamUrl }, n) =>
      sluice.fetch(`${upstreamUrl}/status/429?times=1&header=retry-after-ms:5&n=${n}`),
  },
  {
    name: 'idempotencyKey, twice',
    share: 80,
    jobs: 1,
    perform: async ({ sluice, upstreamUrl }, n) => {
      const spec = { url: `${upstreamUrl}/echo`, method: 'POST', json: { n }, idempotencyKey: `key ${n}` };
      const first = await sluice.enqueue(spec, { keepMs });
      const second = await sluice.enqueue(spec, { keepMs });
      if (first.id !== second.id) throw new Error('one idempotencyKey made two jobs');
      await Promise.all([endsAs('response', first.outcome()), endsAs('response', second.outcome())]);
    },
  },
  {
    name: 'id',
    share: 50,
    jobs: 1,
    perform: async ({ sluice, upstreamUrl }, n) => {
      const spec = { url: `${upstreamUrl}/item/${n}`, id: `job-${n}` };
      await endsAs('response', (await sluice.enqueue(spec, { keepMs })).outcome());
    },
  },
  {
    name: 'kept, read by its id',
    share: 70,
    jobs: 1,
    perform: async ({ sluice, upstreamUrl }, n) => {
      const { id } = await sluice.enqueue(`${upstreamUrl}/item/${n}`, { keepMs });
      await endsAs('response', sluice.job(id).outcome());
    },
  },
  {
    name: 'cancelled while it waits',
    share: 40,
    jobs: 1,
    perform: async ({ sluice, upstreamUrl }, n) => {
      const handle = await sluice.enqueue({ url: `${upstreamUrl}/item/${n}`, delayMs: 60_000 }, { keepMs });
      await handle.cancel();
      await endsAs('cancelled', handle.outcome());
    },
  },
  {
    name: 'cancelled while it runs',
    share: 8,
    jobs: 1,
    perform: async ({ sluice, upstreamUrl }) => {
      const handle = await sluice.enqueue(`${upstreamUrl}/delay/20000`, { keepMs });
      while ((await handle.status()) === 'waiting') await sleep(20);
      await handle.cancel();
      await endsAs('cancelled', handle.outcome());
    },
  },
  {
    name: 'expires while it waits',
    share: 10,
    jobs: 1,
    perform: async ({ sluice, upstreamUrl }, n) => {
      const spec = { url: `${upstreamUrl}/item/${n}`, delayMs: 60_000, deadline: Date.now() + 1000 };
      await endsAs('expired', (await sluice.enqueue(spec, { keepMs })).outcome());
    },
  },
  {
    name: 'at most once',
    share: 40,
    jobs: 1,
    perform: ({ sluice, upstreamUrl }, n) =>
      sluice.fetch(`${upstreamUrl}/item/${n}`, { delivery: 'at-most-once' }),
  },
];
