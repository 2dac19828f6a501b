import type { Redis } from 'ioredis';
import type { MeasuredProcess } from '../throughput/measured-process.ts';
import type { Memory } from '../throughput/meter.ts';
import { field } from '../throughput/redis-use.ts';

/** What is in memory after this many jobs, bytes. */
export type Sample = {
  jobs: number;
  /** Nothing is in flight, and what is kept for seconds is gone. */
  atRest: boolean;
  /** Since the start. */
  seconds: number;
  used: number;
  dataset: number;
  keys: number;
  /** Scripts that Redis keeps. */
  scripts: number;
  /** Keys by what they hold; their bytes only at rest. */
  groups: Record<string, { keys: number; bytes: number }>;
  processes: ({ name: string } & Memory)[];
};

/** BullMQ's keys of a queue; all others with the same beginning are jobs. */
const queueParts =
  /^(active|completed|delayed|events|failed|id|limiter|marker|meta|paused|pc|prioritized|repeat|stalled|stalled-check|wait)$/;

/** `{sluice}/outcome/queue/id` -> `outcome`, `{sluice}:queue:id` -> `job`. */
export function groupOf(key: string): string {
  const own = /^\{[^}]*\}[^/:]*\/([^/]+)/.exec(key)?.[1];
  if (own !== undefined) return own;
  const [, , part = '', lock] = key.split(':');
  if (lock === 'lock') return 'lock';
  return queueParts.test(part) ? `queue ${part}` : 'job';
}

async function groupsOf(redis: Redis, measured: boolean): Promise<Sample['groups']> {
  const groups: Sample['groups'] = {};
  const seen = new Set<string>();
  for await (const names of redis.scanStream({ count: 1000 }) as AsyncIterable<string[]>) {
    // A scan may return a key twice.
    const fresh = names.filter((name) => !seen.has(name));
    for (const name of fresh) seen.add(name);
    const sizes = measured
      ? await Promise.all(fresh.map((name) => redis.memory('USAGE', name, 'SAMPLES', 0)))
      : [];
    for (const [index, name] of fresh.entries()) {
      const group = (groups[groupOf(name)] ??= { keys: 0, bytes: 0 });
      group.keys += 1;
      group.bytes += sizes[index] ?? 0;
    }
  }
  return groups;
}

/** The processes that are watched, by name. */
export type Watched = readonly { name: string; process: MeasuredProcess }[];

/** @param startedAt performance.now() */
export async function takeSample(
  redis: Redis,
  watched: Watched,
  at: { jobs: number; atRest: boolean; startedAt: number },
): Promise<Sample> {
  const { jobs, atRest, startedAt } = at;
  // Before the keys are read one by one, because the answers take memory, too.
  const info = await redis.info('memory');
  const keys = await redis.dbsize();
  const groups = await groupsOf(redis, atRest);
  const processes = await Promise.all(
    watched.map(async ({ name, process }) => ({ name, ...(await process.memory(atRest)) })),
  );
  return {
    jobs,
    atRest,
    seconds: (performance.now() - startedAt) / 1000,
    used: field(info, 'used_memory'),
    dataset: field(info, 'used_memory_dataset'),
    keys,
    scripts: field(info, 'number_of_cached_scripts'),
    groups,
    processes,
  };
}
