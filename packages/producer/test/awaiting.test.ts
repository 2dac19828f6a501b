import { randomUUID } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { Redis } from 'ioredis';
import { inject, describe, expect, test } from 'vitest';
import { encodeSettled, keysOf } from '@sluice/shared';
import { startProgram } from '../../../test/lab/processes.ts';
import { installedServer, startOwnRedis } from '../../../test/lab/redis.ts';
import { Rig, loopback, quick, until } from '../../worker/test/rig.ts';
import { type Handle, connect } from '../src/index.ts';
import { Replies } from '../src/replies/replies.ts';

const counted = <T>(promises: Promise<T>[]) => {
  const counts = new Uint8Array(promises.length);
  const noted = promises.map(async (promise, index) => {
    await promise;
    counts[index]! += 1;
  });
  return { counts, all: Promise.all(noted) };
};

/** Warnings of the process while `body` runs: a leak of listeners is one. */
async function warningsOf(body: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const note = (warning: Error) => void warnings.push(warning.name);
  process.on('warning', note);
  await body();
  process.off('warning', note);
  return warnings.filter((name) => name !== 'ExperimentalWarning');
}

describe('ten thousand handles in one process', () => {
  test('settle once each, and leave no listener and no key behind', { timeout: 120_000 }, async () => {
    const count = 10_000;
    await using rig = await Rig.open({ env: { SLUICE_CONCURRENCY: '100' } });
    const stop = new AbortController();
    const warnings = await warningsOf(async () => {
      const handles: Handle[] = [];
      const urls = Array.from({ length: count }, (_, n) => rig.url(`/item/${n}`));
      for await (const handle of rig.sluice.enqueueMany(urls, { keepMs: 60_000 })) handles.push(handle);
      const { counts, all } = counted(handles.map((handle) => handle.result({ signal: stop.signal })));
      await all;
      expect(counts.every((times) => times === 1)).toBe(true);
    });
    expect(warnings).toEqual([]);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
    const { paths } = await rig.upstream.arrivalColumns();
    expect(paths).toHaveLength(count);
    expect((await rig.upstream.arrivals()).length).toBe(count);
    await until(async () => (await rig.bull.getJobCountByTypes('active', 'wait', 'delayed')) === 0);
    const streams = await rig.redis.keys(rig.keys.replies('*'));
    await until(async () => (await Promise.all(streams.map((key) => rig.redis.xlen(key))))[0] === 0);
  });

  test(
    'that keep nothing leave next to nothing in Redis, and that with a TTL',
    { timeout: 60_000 },
    async () => {
      await using rig = await Rig.open({ env: { SLUICE_CONCURRENCY: '100' } });
      await rig.sluice.gather(Array.from({ length: 2000 }, (_, n) => rig.url(`/item/${n}`)));
      const outcomes = () => rig.redis.keys(rig.keys.outcome('*', '*'));
      // The marker of a job that its worker has not removed by the time of the acknowledgement stays: few do.
      await until(async () => (await outcomes()).length <= 100);
      for (const key of await outcomes()) {
        const bytes = await rig.redis.strlen(key);
        const ttlMs = await rig.redis.pttl(key);
        // Not gone since they were listed.
        if (ttlMs !== -2) expect(bytes).toBe(1);
        expect(ttlMs).not.toBe(-1);
      }
      expect(await rig.redis.zcard(rig.keys.deadlines(rig.queue))).toBe(0);
    },
  );
});

describe('a producer that loses its connections', () => {
  test('is told of every end, once, and nothing is sent twice', { timeout: 60_000 }, async () => {
    await using rig = await Rig.open();
    // A user of its own, so that its connections can be told from the others'.
    const user = `producer-${randomUUID()}`;
    await rig.redis.acl('SETUSER', user, 'on', '>secret', '~*', '&*', '+@all');
    const url = new URL(inject('redisUrl'));
    url.username = user;
    url.password = 'secret';
    try {
      await using client = await connect({ redis: url.href, prefix: rig.prefix, queue: rig.queue });
      const count = 3000;
      let ended = 0;
      const urls = Array.from({ length: count }, (_, n) => rig.url(`/item/${n}`));
      const seen = new Set<number>();
      let kills = 0;
      for await (const item of client.stream(urls, { inFlight: 200 })) {
        expect(item.outcome.kind).toBe('response');
        seen.add(item.index);
        ended += 1;
        if (ended % 500 === 250) kills += (await rig.redis.client('KILL', 'USER', user)) as number;
      }
      expect(kills).toBeGreaterThanOrEqual(10);
      expect(ended).toBe(count);
      expect(seen.size).toBe(count);
      expect(await rig.upstream.arrivals()).toHaveLength(count);
    } finally {
      await rig.redis.acl('DELUSER', user);
    }
  });

  test('reads what came meanwhile from its stream, and from the outcome’s key where the stream is gone', async () => {
    await using rig = await Rig.open({ idle: true });
    const reader = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
    const connection = await reader.client('ID');
    const connections = {
      whenDown: 'wait' as const,
      commands: rig.redis,
      blockMs: 5000,
      open: async () => reader,
    };
    const replies = new Replies(randomUUID(), rig.keys, connections, reader);
    const outcome = { kind: 'response' as const, attempts: 1, endedAt: 0, durationMs: 0 };
    const bytes = (text: string) => encodeSettled(outcome, Buffer.from(text));
    const inStream = replies.expect('q', 'in-stream');
    const inKey = replies.expect('q', 'in-key');
    inKey.accepted();
    await rig.redis.set(rig.keys.outcome('q', 'in-key'), bytes('key'));
    const stream = rig.keys.replies(replies.name);
    await rig.redis
      .multi()
      .client('KILL', 'ID', connection)
      .xadd(stream, '*', 'id', 'q/in-stream', 'settled', bytes('stream'))
      .exec();
    expect(Buffer.from((await inStream.outcome()).body).toString()).toBe('stream');
    expect(Buffer.from((await inKey.outcome()).body).toString()).toBe('key');
    expect(replies.pending).toBe(0);
    await replies.close();
    expect(await rig.redis.exists(stream)).toBe(0);
  });
});

describe('the replies of a producer that died', () => {
  test('go by themselves: their stream has a TTL, and every reply starts it anew', async () => {
    await using rig = await Rig.open({ idle: true });
    await using producer = startProgram('packages/producer/test/producer-process.ts', [], {
      ipc: true,
      env: {
        REDIS_URL: inject('redisUrl'),
        PREFIX: rig.prefix,
        QUEUE: rig.queue,
        URLS: JSON.stringify([1, 2, 3].map((n) => rig.url(`/item/${n}`))),
      },
    });
    await producer.message((message): message is string => message === 'enqueued');
    await producer.kill();
    await rig.startPool();
    await rig.arrived(3);
    await until(async () => (await rig.redis.keys(rig.keys.replies('*'))).length === 1);
    const [stream] = await rig.redis.keys(rig.keys.replies('*'));
    await until(async () => (await rig.redis.xlen(stream!)) === 3);
    const ttl = await rig.redis.pttl(stream!);
    expect(ttl).toBeGreaterThan(590_000);
    expect(ttl).toBeLessThanOrEqual(600_000);
  });
});

describe('a deadline', () => {
  test('ends a job in a held queue', async () => {
    await using rig = await Rig.open();
    await rig.sluice.policies.set(rig.queue, { egress: loopback, retry: quick, origin: rig.upstream.url });
    await rig.sluice.enqueue(rig.url('/status/429?retryAfter=600'));
    await until(async () => (await rig.sluice.queues.show(rig.queue)).holds.length === 1);
    const deadline = Date.now() + 500;
    const held = rig.sluice.fetch(rig.url('/item/held'), { deadline });
    await expect(held).rejects.toMatchObject({ code: 'SLUICE_EXPIRED', outcome: { attempts: 0 } });
    expect(Date.now()).toBeGreaterThanOrEqual(deadline);
    expect(await rig.seen()).toHaveLength(1);
  });

  test('ends a job that is delayed beyond it', async () => {
    await using rig = await Rig.open();
    const deadline = Date.now() + 300;
    const delayed = rig.sluice.fetch(rig.url('/item/late'), { deadline, delayMs: 3_600_000 });
    await expect(delayed).rejects.toMatchObject({ code: 'SLUICE_EXPIRED' });
    expect(Date.now()).toBeGreaterThanOrEqual(deadline);
  });

  test('of the client ends a fetch that no fleet serves, with an error that says so', async () => {
    await using rig = await Rig.open({ idle: true });
    await using client = await connect({
      redis: inject('redisUrl'),
      prefix: rig.prefix,
      queue: rig.queue,
      fetchDeadlineMs: 300,
    });
    const start = performance.now();
    const error: unknown = await client.fetch(rig.url('/item/1')).catch((error: unknown) => error);
    expect(performance.now() - start).toBeGreaterThanOrEqual(299);
    expect(error).toMatchObject({
      code: 'SLUICE_EXPIRED',
      message: expect.stringContaining(`is there one that serves queue "${rig.queue}"`) as string,
    });
    await until(async () => (await rig.bull.count()) === 0);
    await rig.startPool();
    await rig.end('/item/2');
    expect(await rig.seen()).toEqual(['GET /item/2']);
  });

  test('is not the end of a request that runs by then and is answered in time', async () => {
    await using rig = await Rig.open();
    const response = await rig.sluice.fetch(rig.url('/delay/300'), { deadline: Date.now() + 5000 });
    expect(response.status).toBe(200);
  });
});

describe.skipIf(installedServer() === undefined)('a Redis that was away', () => {
  test(
    'and comes back with what it had accepted: its handles go on, and settle',
    { timeout: 60_000 },
    async () => {
      await using redis = await startOwnRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
      const keys = keysOf('{sluice}');
      await using client = await connect({ redis: redis.url, policy: { egress: loopback } });
      const observer = new Redis(redis.url, { maxRetriesPerRequest: null });
      observer.on('error', () => {});
      const handle = await client.enqueue('http://127.0.0.1:1/', { keepMs: 60_000 });
      await redis.restart();
      expect(await handle.status()).toBe('waiting');
      expect(await handle.cancel()).toBe('cancelled');
      await expect(handle.result()).rejects.toMatchObject({ code: 'SLUICE_CANCELLED' });
      expect(await observer.exists(keys.outcome('default', handle.id))).toBe(1);
      observer.disconnect();
    },
  );
});
