import { type Server, type ServerResponse, createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { describe, expect, inject, test } from 'vitest';
import { type BullScripts, bullScripts } from '../../redis/src/index.ts';
import type { AttemptEnd } from '../../shared/src/index.ts';
import { connect } from '../../producer/src/index.ts';
import { installedServer, startOwnRedis } from '../../../test/lab/own-redis.ts';
import { readWorkerConfig } from '../src/config.ts';
import { createLogger } from '../src/logger.ts';
import { startPool } from '../src/pool.ts';
import { Cancels } from '../src/queue/cancels.ts';
import { Rig, loopback, until } from './rig.ts';

/** An upstream that keeps its requests until there are so many, and then answers them all at once. */
async function startHolding(count: number): Promise<{ url: string; server: Server }> {
  const held: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    held.push(response);
    if (held.length < count) return;
    for (const one of held.splice(0)) one.end('x');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

test.skipIf(installedServer() === undefined)(
  'with an upstream that answers 32 requests at once, a job costs its worker at most 0.3 script calls',
  { timeout: 60_000 },
  async () => {
    const jobs = 32 * 20;
    await using stack = new AsyncDisposableStack();
    const { url, server } = await startHolding(32);
    stack.defer(() => void server.close());
    const own = stack.use(await startOwnRedis());
    const sluice = await connect({ redis: own.url, queue: 'q', policy: { egress: loopback } });
    stack.defer(() => sluice.close());
    const redis = new Redis(own.url);
    stack.defer(() => redis.disconnect());
    const config = readWorkerConfig({ SLUICE_REDIS_URL: own.url, SLUICE_CONCURRENCY: '32' });
    const handles = [];
    for await (const handle of sluice.enqueueMany(Array.from({ length: jobs }, () => ({ url }))))
      handles.push(handle);
    await redis.config('RESETSTAT');
    const pool = await startPool(config, createLogger('test', 'silent'));
    stack.defer(async () => void (await pool.drain(0)));
    const outcomes = await Promise.all(handles.map((handle) => handle.outcome()));
    const stats = await redis.info('commandstats');
    expect(outcomes.filter(({ outcome }) => outcome.kind !== 'response')).toEqual([]);
    const count = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    // On a busy machine permits grow too old to be used. Exchanging one takes two calls, and each of them counts in the
    // queue's figures: besides what a job counts there, and BullMQ in its hash.
    const exchanged = (count('hincrby') - 3 * jobs) / 2;
    // Those of the sweepers, of the first jobs and of the producer's acknowledgements included.
    const calls = count('evalsha') + count('eval') - 2 * exchanged;
    expect(calls / jobs).toBeLessThanOrEqual(0.3);
  },
);

/** BullMQ as a later version may ship it: a text has changed. */
function unknownVersion(): BullScripts {
  const { scripts } = bullScripts(import.meta.url);
  const { moveToFinished } = scripts;
  const changed = { ...moveToFinished, content: `${moveToFinished!.content}\n-- changed` };
  return { version: '6.99.0', scripts: { ...scripts, moveToFinished: changed } };
}

test('where BullMQ is of an unknown version, one line says so and names it', async () => {
  await using rig = await Rig.open({ idle: true });
  const warnings: unknown[][] = [];
  const log = Object.assign(createLogger('test', 'silent'), {
    warn: (...told: unknown[]) => warnings.push(told),
  });
  const config = readWorkerConfig({ SLUICE_REDIS_URL: inject('redisUrl'), SLUICE_PREFIX: rig.prefix });
  const pool = await startPool(config, log, unknownVersion());
  expect((await rig.end('/item/1')).outcome.kind).toBe('response');
  await pool.drain(0);
  expect(warnings).toEqual([
    [{ bullmq: '6.99.0' }, expect.stringContaining('this version of BullMQ is not known')],
  ]);
});

const versions: [string, BullScripts | undefined][] = [
  ['the version of BullMQ that is known', undefined],
  ['an unknown version of BullMQ', unknownVersion()],
];

describe.each(versions)('with %s', (_version, bull) => {
  test('jobs end as they should: responses, failures, retries, cancels and drains', async () => {
    await using rig = await Rig.open({ idle: true });
    const pool = await rig.startPool({}, bull);
    const [fine, missing, failed] = await Promise.all([
      rig.end('/item/1'),
      rig.end('/status/404'),
      rig.end('/status/500', { attempts: 2 }),
    ]);
    expect(fine.outcome).toMatchObject({ kind: 'response', attempts: 1 });
    expect(missing.outcome).toMatchObject({ kind: 'response', response: { status: 404 } });
    expect(failed.outcome).toMatchObject({ kind: 'http-error', attempts: 2 });
    const slow = await rig.sluice.enqueue({ url: rig.url('/delay/20000') });
    await rig.arrived(5);
    await slow.cancel();
    expect((await slow.outcome()).outcome.kind).toBe('cancelled');
    const stopped = await rig.sluice.enqueue({ url: rig.url('/delay/20000') });
    await rig.arrived(6);
    await pool.drain(0);
    expect(await rig.bull.getJobState(stopped.id)).toBe('waiting');
    expect(await rig.bull.getJobCounts('active', 'completed', 'failed', 'wait')).toEqual({
      active: 0,
      completed: 0,
      failed: 1,
      wait: 1,
    });
    // What was taken and given back has sent nothing: 404, 200, twice 500, the cancelled one; and the one that was stopped.
    expect(await rig.redis.hget(rig.keys.stats(rig.queue), 'sent')).toBe('6');
  });

  test('a job keeps how its last ten attempts ended, and tells it with its outcome', async () => {
    await using rig = await Rig.open({ idle: true, policy: { retry: { base: 1, cap: 10, jitter: 0 } } });
    await rig.startPool({}, bull);
    const { outcome } = await rig.end('/status/503', { id: 'twelve', attempts: 12 });
    const ends = outcome.ends!;
    expect(ends.map(({ n }) => n)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(ends[0]).toEqual({
      n: 3,
      at: expect.any(Number) as number,
      kind: 'http-error',
      status: 503,
      error: 'the upstream answered 503',
      waitMs: expect.any(Number) as number,
    } satisfies AttemptEnd);
    expect(ends[9]).toMatchObject({ kind: 'http-error', status: 503, waitMs: 0 });
    await until(async () => (await rig.bull.getJobState('twelve')) === 'failed');
    const kept = await rig.redis.hget(rig.keys.bull(rig.queue).job('twelve'), 'ends');
    expect(JSON.parse(kept!)).toEqual(ends);
    expect((await rig.end('/item/1')).outcome.ends).toBeUndefined();
  });
});

test('a cancel that is heard while its job is on the way here is remembered, for as long as a permit lasts', () => {
  const cancels = new Cancels();
  cancels.heard('a', 1000);
  expect(cancels.since('a', 999)).toBe(true);
  expect(cancels.since('a', 1001)).toBe(false);
  expect(cancels.since('b', 999)).toBe(false);
  cancels.heard('b', 2500);
  expect(cancels.since('a', 999)).toBe(false);
});
