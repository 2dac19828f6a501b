import { type Handle, type Sluice, connect } from '../../../packages/producer/src/index.ts';
import { type Program, startProgram } from '../../lab/processes.ts';
import type { Upstream } from '../../lab/upstream/server.ts';
import { spawnUpstream } from '../../lab/upstream/spawn.ts';
import { until } from '../fleet.ts';

const perSecond = 50;

/** Two workers, a producer and an upstream on servers of the test's own, to see how they take a failover. */
export type Ground<Set> = AsyncDisposable & {
  set: Set;
  upstream: Upstream;
  client: Sluice;
  workers: Program[];
  enqueue(name: string, count: number): Promise<Handle[]>;
  /** Resolves when requests arrive that are later than now. */
  flows(): Promise<void>;
};

/** @param start starts the servers @param lock how long a worker's lock on a job lasts */
export async function openGround<Set extends AsyncDisposable & { url: string }>(
  start: () => Promise<Set>,
  lock = '60s',
): Promise<Ground<Set>> {
  const stack = new AsyncDisposableStack();
  try {
    const set = stack.use(await start());
    const upstream = stack.use(await spawnUpstream());
    const policy = { rate: `${perSecond}/s`, egress: { allow: ['127.0.0.0/8'] } };
    const client = stack.use(await connect({ redis: set.url, queue: 'api', policy }));
    const startWorker = () =>
      stack.use(
        startProgram('packages/worker/src/main.ts', [], {
          env: {
            SLUICE_REDIS_URL: set.url,
            SLUICE_HEALTH_PORT: '0',
            SLUICE_LOCK_DURATION: lock,
          },
          patience: 30_000,
        }),
      );
    const workers = [startWorker(), startWorker()];
    await Promise.all(workers.map((worker) => worker.line('"started"')));
    return {
      set,
      upstream,
      client,
      workers,
      enqueue: (name, count) =>
        Promise.all(Array.from({ length: count }, (_, n) => client.enqueue(`${upstream.url}/?${name}=${n}`))),
      flows: async () => {
        const since = performance.now();
        // More than may have been under way.
        await until(
          async () => (await upstream.arrivalColumns()).t.filter((at) => at > since).length >= perSecond,
        );
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** The kinds of the outcomes of jobs, each once. */
export const kinds = async (handles: Handle[]) => {
  const ends = await Promise.all(handles.map((handle) => handle.outcome()));
  return [...new Set(ends.map(({ outcome }) => outcome.kind))];
};

/** What a worker says on a machine that is short of CPU, whatever happens to Redis. */
const late = /^requests leave later after their permit/;

/** The messages of a worker's log that somebody should read, but for those about the machine. */
export const warnings = (log: string) =>
  log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; msg: string })
    .filter(({ level }) => level !== 'info')
    .map(({ msg }) => msg)
    .filter((message) => !late.test(message));
