// A producer of a chaos run, a process of its own: enqueues jobs in every way there is, awaits all, and writes down
// what it was told. Ends when it is told to stop and everything it awaits has come.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Handle,
  JobError,
  type Settled,
  type Sluice,
  SluiceError,
  connect,
} from '../../packages/producer/src/index.ts';
import { type ChaosJob, type Origins, nextJob } from './job-mix.ts';
import { seeded } from './random.ts';
import type { ProducerRecord } from './records.ts';

/** What a producer is started with, as JSON in its first argument. */
export interface ProducerOptions {
  name: string;
  seed: number;
  redis: string;
  queue: string;
  origins: Origins;
  /** The file that it appends its records to. */
  log: string;
  /** Jobs that it has under way at once. */
  inFlight: number;
}

const batchSize = 15;

const options = JSON.parse(process.argv[2]!) as ProducerOptions;
const random = seeded(options.seed);
const file = openSync(options.log, 'a');
let stopping = false;
let count = 0;
process.on('message', () => {
  stopping = true;
});
process.on('disconnect', () => process.exit(1));

/** At once and in one write: a kill in the next moment must not lose it. */
function note(record: ProducerRecord): void {
  writeSync(file, `${JSON.stringify(record)}\n`);
}

function codeOf(error: unknown): string {
  return error instanceof SluiceError ? error.code : String(error);
}

function makeJob(mayExpire = true): ChaosJob {
  count += 1;
  const made = nextJob(`${options.name}-${count}`, options.origins, random, Date.now());
  if (!mayExpire) delete made.spec.deadline;
  const { job, kind, script, spec } = made;
  const key = spec.headers?.['idempotency-key'] ?? null;
  note({ e: 'job', t: Date.now(), job, kind, script, deadline: spec.deadline ?? null, key });
  return made;
}

function settled(job: string, { outcome }: Settled): void {
  const { kind, attempts, response } = outcome;
  note({ e: 'settled', t: Date.now(), job, kind, status: response?.status ?? null, attempts });
}

async function settles(job: string, handle: Handle): Promise<void> {
  try {
    settled(job, await handle.outcome());
  } catch (error) {
    note({ e: 'broken', t: Date.now(), job, code: codeOf(error) });
  }
}

/** Adds until it is accepted: an add that threw may have been done, and the id says that it is the same job. */
async function accepted<T>(job: string, add: () => Promise<T>): Promise<T> {
  while (true) {
    try {
      return await add();
    } catch (error) {
      note({ e: 'refused', t: Date.now(), job, code: codeOf(error) });
      await sleep(200);
    }
  }
}

async function one(sluice: Sluice): Promise<void> {
  const made = makeJob();
  const { job, kind, spec, cancelAfterMs } = made;
  if (kind !== 'cancelled' && random.chance(0.4)) return await fetched(sluice, made);
  // Whoever names its job may ask again; who does not would make a second one.
  let handle: Handle;
  if (spec.id === undefined) {
    try {
      handle = await sluice.enqueue(spec);
    } catch (error) {
      return note({ e: 'refused', t: Date.now(), job, code: codeOf(error) });
    }
  } else handle = await accepted(job, () => sluice.enqueue(spec));
  note({ e: 'accepted', t: Date.now(), job, id: handle.id });
  if (kind === 'cancelled') {
    await sleep(cancelAfterMs);
    await accepted(job, () => handle.cancel());
  }
  await settles(job, handle);
}

/** As most callers do it: one call, and nobody keeps an outcome beyond the reply. */
async function fetched(sluice: Sluice, { job, spec }: ChaosJob): Promise<void> {
  const { url, ...init } = spec;
  note({ e: 'fetched', t: Date.now(), job });
  try {
    const { status, attempts } = await sluice.fetch(url, init);
    note({ e: 'settled', t: Date.now(), job, kind: 'response', status, attempts });
  } catch (error) {
    if (error instanceof JobError) {
      const { kind, attempts } = error.outcome;
      note({
        e: 'settled',
        t: Date.now(),
        job,
        kind,
        status: error.outcome.response?.status ?? null,
        attempts,
      });
    } else note({ e: 'broken', t: Date.now(), job, code: codeOf(error) });
  }
}

/** A batch that another process could read as well. */
async function batch(sluice: Sluice): Promise<void> {
  // Without deadlines: a job whose deadline has passed is refused when the call is made again.
  const jobs = Array.from({ length: batchSize }, () => makeJob(false));
  const name = `batch-${jobs[0]!.job}`;
  // Their ids make the whole call repeatable.
  const specs = jobs.map(({ job, spec }) => ({ ...spec, id: job }));
  await accepted(jobs[0]!.job, async () => {
    for await (const handle of sluice.enqueueMany(specs, { batch: name })) {
      note({ e: 'accepted', t: Date.now(), job: handle.id, id: handle.id });
    }
  });
  let cursor: string | undefined;
  await accepted(jobs[0]!.job, async () => {
    const from = cursor === undefined ? {} : { cursor };
    for await (const item of sluice.batch(name).results(from)) {
      cursor = item.cursor;
      settled(item.id, item);
    }
  });
}

const sluice = await connect({ redis: options.redis, queue: options.queue });
process.send?.({ type: 'started' });
const lanes = Math.max(2, options.inFlight - batchSize);
await Promise.all([
  ...Array.from({ length: lanes }, async () => {
    while (!stopping) await one(sluice);
  }),
  (async () => {
    while (!stopping) {
      await batch(sluice);
      await sleep(random.between(0, 1500));
    }
  })(),
]);
await sluice.close();
process.exit(0);
