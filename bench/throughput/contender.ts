import type { Setting } from './contenders/task.ts';
import { MeasuredProcess } from './measured-process.ts';

/** One way to make the same requests. */
export type Contender = {
  name: string;
  /** For the table's legend. */
  what: string;
  /** The outcomes come back to the producer. */
  delivers: boolean;
  /** BullMQ's key prefix; null: no queue at all. */
  prefix: string | null;
  producer: string;
  worker?: (setting: Setting) => MeasuredProcess;
};

const file = (name: string) => new URL(`contenders/${name}.ts`, import.meta.url).href;
const workerOf = (name: string) => (setting: Setting) =>
  new MeasuredProcess(file(name), JSON.stringify(setting));

export const contenders: readonly Contender[] = [
  {
    name: 'bare',
    what: 'undici request in one process, no queue',
    delivers: true,
    prefix: null,
    producer: file('bare'),
  },
  {
    name: 'plain',
    what: 'BullMQ + fetch, waitUntilFinished',
    delivers: true,
    prefix: 'bull',
    producer: file('plain-producer'),
    worker: workerOf('plain-worker'),
  },
  {
    name: 'plain-map',
    what: 'BullMQ + fetch, one QueueEvents and a map of promises',
    delivers: true,
    prefix: 'bull',
    producer: file('events-producer'),
    worker: workerOf('plain-worker'),
  },
  {
    name: 'careful',
    what: 'BullMQ + undici request, bulk adds, nothing kept, no results',
    delivers: false,
    prefix: 'bull',
    producer: file('careful-producer'),
    worker: workerOf('careful-worker'),
  },
  {
    name: 'sluice',
    what: 'Sluice, stream() to real workers, every outcome delivered',
    delivers: true,
    prefix: '{sluice}',
    producer: file('sluice-producer'),
    worker: ({ redisUrl, queue, queues = 1, concurrency }) =>
      new MeasuredProcess(import.meta.resolve('@sluice/worker/main'), '', {
        SLUICE_REDIS_URL: redisUrl,
        SLUICE_QUEUES: queues === 1 ? queue : '*',
        SLUICE_CONCURRENCY: String(concurrency),
        SLUICE_HEALTH_PORT: '0',
        SLUICE_LOG_LEVEL: 'warn',
      }),
  },
];
