import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { keysOf } from '@sluice/shared';
import { startProgram } from '../../../test/lab/processes.ts';
import { nextTurn, until } from '../../worker/test/rig.ts';
import { type Lease, type Sluice, connect } from '../src/index.ts';

const redis = new Redis(inject('redisUrl'));
afterAll(() => redis.disconnect());

/** The prefix of the test. */
let prefix = '';
beforeEach(() => {
  prefix = `{t-${randomUUID()}}`;
});

const client = () => connect({ redis: inject('redisUrl'), prefix });
const part = (index: number) => Object.values(keysOf(prefix).semaphore('s'))[index]!;
const holders = () => redis.zrange(part(0), 0, '-1');
const waiting = () => redis.zcard(part(1));

function holder(leaseMs: number) {
  const env = { REDIS_URL: inject('redisUrl'), PREFIX: prefix, LEASE_MS: String(leaseMs) };
  return startProgram('packages/producer/test/hold-semaphore.ts', [], { ipc: true, env });
}
const isInside = (message: unknown): message is 'inside' => message === 'inside';

/** Asks for a place in the only one, and resolves when it stands in the queue. */
async function queueUp(sluice: Sluice, signal?: AbortSignal): Promise<{ lease: Promise<Lease> }> {
  const before = await waiting();
  const lease = sluice.semaphore('s', 1).acquire(signal === undefined ? {} : { signal });
  lease.catch(() => {}); // looked at later
  await until(async () => (await waiting()) > before);
  return { lease };
}

describe('a semaphore', () => {
  test('lets in as many as it has places, over all clients', async () => {
    await using a = await client();
    await using b = await client();
    let inside = 0;
    let most = 0;
    const section = async () => {
      most = Math.max(most, ++inside);
      await nextTurn();
      inside -= 1;
    };
    const runs = Array.from({ length: 100 }, (_, n) => (n % 2 ? a : b).semaphore('s', 3).run(section));
    await Promise.all(runs);
    expect({ most, inside }).toEqual({ most: 3, inside: 0 });
    expect(await holders()).toEqual([]);
    expect(await waiting()).toBe(0);
  });

  test('gives its places in the order of the asking', async () => {
    await using a = await client();
    await using b = await client();
    const order: number[] = [];
    const first = await a.semaphore('s', 1).acquire();
    const queue: Promise<unknown>[] = [];
    for (let n = 0; n < 40; n++) {
      const { lease } = await queueUp(n % 2 ? a : b);
      const enter = async () => {
        await using _ = await lease;
        order.push(n);
      };
      queue.push(enter());
    }
    await first.release();
    // Each is called: by polls once a second the test's time would not suffice.
    await Promise.all(queue);
    expect(order).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  test('calls the one whose turn it is when a place is given back', async () => {
    await using a = await client();
    const first = await a.semaphore('s', 1).acquire();
    const next = await queueUp(a);
    const later = await queueUp(a);
    const [token] = await redis.zrange(part(1), '0', '0');
    const listener = redis.duplicate();
    const heard: string[] = [];
    listener.on('message', (_channel: string, text: string) => heard.push(text));
    await listener.subscribe(keysOf(prefix).turns);
    await first.release();
    await until(() => heard.length > 0);
    expect(heard).toEqual([`s ${token}`]);
    await (await next.lease).release();
    await (await later.lease).release();
    listener.disconnect();
  });

  test('has no place taken by a section that threw', async () => {
    await using a = await client();
    const failed = a.semaphore('s', 1).run(() => Promise.reject(new Error('in the section')));
    await expect(failed).rejects.toThrow('in the section');
    expect(await a.semaphore('s', 1).run(() => 'next')).toBe('next');
  });

  test('takes no place for one who stops waiting, and lets the next one in', async () => {
    await using a = await client();
    const first = await a.semaphore('s', 1).acquire();
    const stop = new AbortController();
    const stopped = await queueUp(a, stop.signal);
    const next = await queueUp(a);
    stop.abort(new Error('enough'));
    await expect(stopped.lease).rejects.toMatchObject({
      code: 'SLUICE_WAIT_ABORTED',
      cause: { message: 'enough' },
    });
    await until(async () => (await waiting()) === 1);
    await first.release();
    await (await next.lease).release();
    await expect(a.semaphore('s', 1).acquire({ signal: stop.signal })).rejects.toMatchObject({
      code: 'SLUICE_WAIT_ABORTED',
    });
    expect(await holders()).toEqual([]);
  });

  test('is refused with another number of places while it is used, and not afterwards', async () => {
    await using a = await client();
    await using b = await client();
    const lease = await a.semaphore('s', 2).acquire();
    const other = b.semaphore('s', 3);
    await expect(other.acquire()).rejects.toMatchObject({
      code: 'SLUICE_SEMAPHORE_CONFLICT',
      message: expect.stringContaining('has 2 places') as string,
    });
    await lease.release();
    await (await other.acquire()).release();
  });

  test.each([
    ['a/b', 1, 1000],
    ['s', 0, 1000],
    ['s', 1.5, 1000],
    ['s', 1, 10],
  ])('is refused when it cannot be: %s, %d places, leases of %d ms', async (name, n, leaseMs) => {
    await using a = await client();
    expect(() => a.semaphore(name, n, { leaseMs })).toThrow(
      expect.objectContaining({ code: 'SLUICE_INVALID_CONFIG' }),
    );
  });

  test('rejects those who wait, and tells those inside, when their client is closed', async () => {
    const a = await client();
    const lease = await a.semaphore('s', 1).acquire();
    const { lease: waits } = await queueUp(a);
    await a.close();
    await expect(waits).rejects.toMatchObject({ code: 'SLUICE_CLOSED' });
    expect(lease.signal.reason).toMatchObject({ code: 'SLUICE_CLOSED' });
    await lease.release();
    await expect(a.semaphore('s', 1).acquire()).rejects.toMatchObject({ code: 'SLUICE_CLOSED' });
  });
});

describe('a lease', () => {
  test('is renewed while its holder lives', async () => {
    await using a = await client();
    await using lease = await a.semaphore('s', 1, { leaseMs: 2000 }).acquire();
    const [token] = await holders();
    const ends = new Set<string | null>();
    await until(async () => ends.add(await redis.zscore(part(0), token!)).size >= 5);
    expect(lease.signal.aborted).toBe(false);
    const impatient = a.semaphore('s', 1).acquire({ signal: AbortSignal.timeout(50) });
    await expect(impatient).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED' });
  });

  test('that was lost says so to its section', async () => {
    await using a = await client();
    const ended = a.semaphore('s', 1, { leaseMs: 300 }).run(async (signal) => {
      await redis.del(part(0));
      await until(() => signal.aborted);
      return signal.reason as unknown;
    });
    expect(await ended).toMatchObject({ code: 'SLUICE_LEASE_LOST' });
  });

  test('of a process that was killed is given back when it ends', async () => {
    await using program = holder(1500);
    await program.message(isInside);
    await using a = await client();
    const { lease } = await queueUp(a);
    await program.kill();
    const [, ends] = await redis.zrange(part(0), '0', '0', 'WITHSCORES');
    await (await lease).release();
    const [seconds] = await redis.time();
    expect(Number(seconds) * 1000 + 1000).toBeGreaterThan(Number(ends));
  });

  test('of a process that waits and is killed holds up nobody for long', async () => {
    await using a = await client();
    const first = await a.semaphore('s', 1).acquire();
    await using program = holder(30_000);
    await until(async () => (await waiting()) === 1);
    const { lease } = await queueUp(a);
    await program.kill();
    await first.release();
    await (await lease).release();
    expect(await waiting()).toBe(0);
  });
});
