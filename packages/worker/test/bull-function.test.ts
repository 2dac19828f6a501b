import { randomUUID } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { type BullScript, bullFunction, bullScripts } from '../../redis/src/index.ts';

type Call = { keys: string[]; args: (string | number | Buffer)[] };

/** What a test can see of a script: its answer, and every key afterwards. */
type Seen = { answer: unknown; keys: Record<string, unknown> };

const byName = bullScripts(import.meta.url).scripts as Record<string, BullScript>;

/** BullMQ's own arguments for a script: what its command is called with. */
async function recorded(
  name: string,
  act: (queue: Queue) => Promise<unknown>,
  queue: Queue,
): Promise<Call[]> {
  const backend = queue.getBackend() as unknown as {
    execCommand: (client: unknown, command: string, args: Call['args']) => Promise<unknown>;
  };
  const calls: Call[] = [];
  const execute = backend.execCommand.bind(backend);
  backend.execCommand = async (client, command, args) => {
    if (command !== name) return await execute(client, command, args);
    const { keys } = byName[name]!;
    calls.push({ keys: args.slice(0, keys).map(String), args: args.slice(keys) });
    return null;
  };
  await act(queue).catch(() => {});
  backend.execCommand = execute;
  return calls;
}

/** Every key of a prefix, without what differs from run to run: ids of stream entries, and how much of a TTL is left. */
async function everything(redis: Redis, prefix: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const key of (await redis.keys(`${prefix}*`)).sort()) {
    const type = await redis.type(key);
    const read = {
      string: () => redis.get(key),
      list: () => redis.lrange(key, 0, -1),
      hash: async () => Object.entries(await redis.hgetall(key)).sort(([a], [b]) => (a < b ? -1 : 1)),
      zset: () => redis.zrange(key, 0, '-1', 'WITHSCORES'),
      set: async () => (await redis.smembers(key)).sort(),
      stream: async () => (await redis.xrange(key, '-', '+')).map(([, fields]) => fields),
    }[type]!;
    const ttl = await redis.pttl(key);
    found[key.slice(prefix.length)] = { type, expires: ttl > 0, value: await read() };
  }
  return found;
}

/** The prefixes are as long as each other, so that a packed one can be replaced as it stands. */
const replace = (value: string | number | Buffer, from: string, to: string) => {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return value.replaceAll(from, to);
  return Buffer.from(value.toString('latin1').replaceAll(from, to), 'latin1');
};

/** An answer of a limited queue says how much of the window is left: that differs from run to run. */
const withoutRest = (answer: unknown) =>
  Array.isArray(answer) && answer[0] === 0 && answer[2] > 0 ? [0, 0, 'limited', answer[3]] : answer;

/** Runs a script alone and as a function, each from the same state under a prefix of its own. */
async function both(
  name: string,
  prepare: (queue: Queue, redis: Redis) => Promise<unknown>,
  act: (queue: Queue) => Promise<unknown>,
): Promise<{ alone: Seen; wrapped: Seen; calls: number }> {
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  const prefix = `{t-${randomUUID()}}`;
  const other = `{t-${randomUUID()}}`;
  const queue = new Queue('q', { connection: redis, prefix });
  await prepare(queue, redis);
  for (const key of await redis.keys(`${prefix}*`)) await redis.copy(key, key.replace(prefix, other));
  const calls = await recorded(name, act, queue);
  const script = byName[name]!;
  const asFunction = `${bullFunction(script)!}
local keys, args = {}, {}
for i = 1, #KEYS do keys[i] = KEYS[i] end
for i = 1, #ARGV do args[i] = ARGV[i] end
return ${name}(keys, args, cmsgpack, redis)`;
  const alone: Seen = { answer: [], keys: {} };
  const wrapped: Seen = { answer: [], keys: {} };
  const text = (answer: unknown, from: string) =>
    JSON.parse(JSON.stringify(withoutRest(answer)).replaceAll(from, 'P')) as unknown;
  for (const { keys, args } of calls) {
    const values = args.map((value) => (value === undefined ? '' : value));
    (alone.answer as unknown[]).push(
      text(await redis.eval(script.content, keys.length, ...keys, ...values), prefix),
    );
    (wrapped.answer as unknown[]).push(
      text(
        await redis.eval(
          asFunction,
          keys.length,
          ...keys.map((key) => key.replace(prefix, other)),
          ...values.map((value) => replace(value, prefix, other)),
        ),
        other,
      ),
    );
  }
  alone.keys = await everything(redis, prefix);
  wrapped.keys = await everything(redis, other);
  await queue.close();
  for (const key of await redis.keys('{t-*')) {
    if (key.startsWith(prefix) || key.startsWith(other)) await redis.unlink(key);
  }
  redis.disconnect();
  return { alone, wrapped, calls: calls.length };
}

/** Takes jobs as a worker does. */
async function take(queue: Queue, redis: Redis, jobs: number): Promise<void> {
  const worker = new Worker('q', null, {
    connection: redis,
    prefix: queue.opts.prefix!,
    lockDuration: 60_000,
    autorun: false,
  });
  for (let n = 0; n < jobs; n++) await worker.getNextJob('a-token', { block: false });
  await worker.close();
}

const add = async (queue: Queue, jobs: number) => {
  for (let n = 0; n < jobs; n++) await queue.add('fetch', { n }, { jobId: `job-${n}`, attempts: 3 });
};

/** The jobs end as BullMQ ends them, the next one is fetched, and one that is not locked is refused. */
async function finish(queue: Queue, failed: boolean): Promise<void> {
  const backend = queue.getBackend();
  Object.assign(queue.opts, { lockDuration: 60_000, removeOnComplete: { count: 0 } });
  for (const id of ['job-0', 'job-1', 'job-3', 'job-9']) {
    const job = { id, opts: { attempts: 3 } } as never;
    if (failed) {
      const fields = { failedReason: 'because', stacktrace: '["at"]' };
      await backend.moveToFailed(job, 'because', { count: 1 }, 'a-token', true, fields).catch(() => {});
    } else await backend.moveToCompleted(job, 'ok', { count: 0 }, 'a-token', true).catch(() => {});
  }
}

type Case = [
  script: string,
  what: string,
  prepare: (queue: Queue, redis: Redis) => Promise<unknown>,
  act: (queue: Queue) => Promise<unknown>,
];

const cases: Case[] = [
  [
    'moveToFinished',
    'completed jobs, and the next one is fetched',
    async (queue, redis) => {
      await add(queue, 4);
      await take(queue, redis, 2);
    },
    (queue) => finish(queue, false),
  ],
  [
    'moveToFinished',
    'failed jobs that are kept, up to a number',
    async (queue, redis) => {
      await add(queue, 4);
      await take(queue, redis, 3);
    },
    (queue) => finish(queue, true),
  ],
  [
    'moveToFinished',
    'jobs of a limited queue with delayed and prioritized ones',
    async (queue, redis) => {
      await queue.setGlobalRateLimit(3, 60_000);
      await add(queue, 3);
      await queue.add('fetch', {}, { jobId: 'later', delay: 60_000 });
      await queue.add('fetch', {}, { jobId: 'due', delay: 1 });
      await queue.add('fetch', {}, { jobId: 'less', priority: 7 });
      await take(queue, redis, 2);
    },
    (queue) => finish(queue, false),
  ],
  [
    'moveToActive',
    'the next job of a queue',
    (queue) => add(queue, 2),
    async (queue) => {
      Object.assign(queue.opts, { lockDuration: 60_000 });
      for (let n = 0; n < 3; n++)
        await queue
          .getBackend()
          .moveToActive('a-token', 'a-name')
          .catch(() => {});
    },
  ],
  [
    'addStandardJob',
    'jobs, one of them twice',
    (queue) => add(queue, 1),
    async (queue) => {
      for (const id of ['job-0', 'job-1', 'job-2'])
        await queue.add('fetch', { ü: '😀' }, { jobId: id, attempts: 3 }).catch(() => {});
    },
  ],
];

test.each(cases)('%s as a function does what it does alone: %s', async (name, _what, prepare, act) => {
  const { alone, wrapped, calls } = await both(name, prepare, act);
  expect(calls).toBeGreaterThan(2);
  expect(Object.keys(alone.keys).length).toBeGreaterThan(2);
  expect(wrapped).toEqual(alone);
});

test('a text that is not known is not used', () => {
  const { moveToFinished } = byName;
  expect(bullFunction(moveToFinished)).toContain(
    'local function moveToFinished(KEYS, ARGV, cmsgpack, redis)',
  );
  expect(bullFunction({ ...moveToFinished!, content: `${moveToFinished!.content} ` })).toBeNull();
  expect(bullFunction({ ...moveToFinished!, name: 'moveToActive' })).toBeNull();
  expect(bullFunction({})).toBeNull();
  expect(bullFunction(undefined)).toBeNull();
});
