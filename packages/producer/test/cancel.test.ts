import { inject, afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProgram } from '../../../test/lab/processes.ts';
import { Rig, loopback, quick, until } from '../../worker/test/rig.ts';
import { type Handle, type Sluice, connect } from '../src/index.ts';

let rig: Rig;
let elsewhere: Sluice;
beforeAll(async () => {
  rig = await Rig.open();
  elsewhere = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
});
afterAll(async () => {
  await elsewhere.close();
  await rig[Symbol.asyncDispose]();
});

const cancelled = { code: 'SLUICE_CANCELLED', outcome: { kind: 'cancelled' } };

const arrivalsOf = async (path: string) =>
  (await rig.upstream.arrivals()).filter((arrival) => arrival.path === path).length;

/** A job whose request the upstream has, and does not answer. */
async function running(path: string, sluice = rig.sluice): Promise<Handle> {
  const handle = await sluice.enqueue(rig.url(path));
  await until(async () => (await arrivalsOf(path)) === 1);
  return handle;
}

describe('a job that waits', () => {
  test('ends cancelled at once, leaves the queue and never arrives', async () => {
    await using idle = await Rig.open({ idle: true });
    const handle = await idle.sluice.enqueue(idle.url('/item/1'));
    expect(await handle.status()).toBe('waiting');
    expect(await handle.cancel()).toBe('cancelled');
    await expect(handle.result()).rejects.toMatchObject(cancelled);
    expect(await handle.status()).toBe('failed');
    expect(await idle.bull.count()).toBe(0);
    await idle.startPool();
    await idle.end('/item/2');
    expect(await idle.seen()).toEqual(['GET /item/2']);
  });

  test('with a priority does as well', async () => {
    await using idle = await Rig.open({ idle: true });
    const handle = await idle.sluice.enqueue({ url: idle.url('/item/1'), priority: 5 });
    expect(await handle.status()).toBe('waiting');
    expect(await handle.cancel()).toBe('cancelled');
    await expect(handle.result()).rejects.toMatchObject(cancelled);
    expect(await idle.bull.getJobState(handle.id)).toBe('unknown');
  });

  test('for its time ends cancelled', async () => {
    const handle = await rig.sluice.enqueue({ url: rig.url('/item/delayed'), delayMs: 3_600_000 });
    expect(await handle.status()).toBe('delayed');
    expect(await handle.cancel()).toBe('cancelled');
    await expect(handle.result()).rejects.toMatchObject(cancelled);
    expect(await rig.bull.getJobState(handle.id)).toBe('unknown');
  });

  test('for its next attempt ends cancelled, with the attempts made', async () => {
    await using slow = await Rig.open({ policy: { retry: { base: 60_000, cap: 60_000, jitter: 0 } } });
    const handle = await slow.sluice.enqueue(slow.url('/status/503'));
    await until(async () => (await handle.status()) === 'delayed');
    expect(await handle.cancel()).toBe('cancelled');
    await expect(handle.result()).rejects.toMatchObject({ ...cancelled, outcome: { attempts: 1 } });
    expect(await slow.seen()).toHaveLength(1);
  });

  test('for the end of a hold of its origin ends cancelled', async () => {
    const refused = await rig.sluice.enqueue(rig.url('/status/429?retryAfter=600'));
    await until(async () => (await rig.sluice.queues.show(rig.queue)).holds.length === 1);
    const held = await rig.sluice.enqueue(rig.url('/item/held'));
    await until(async () => (await held.status()) === 'delayed');
    expect(await held.cancel()).toBe('cancelled');
    expect(await refused.cancel()).toBe('cancelled');
    await expect(held.result()).rejects.toMatchObject(cancelled);
    await expect(refused.result()).rejects.toMatchObject({ ...cancelled, outcome: { attempts: 1 } });
    await rig.sluice.queues.release(rig.queue);
    expect(await arrivalsOf('/item/held')).toBe(0);
  });

  test('in a queue that is held as a whole ends cancelled', async () => {
    await using one = await Rig.open();
    await one.sluice.policies.set(one.queue, { egress: loopback, retry: quick, origin: one.upstream.url });
    await one.sluice.enqueue(one.url('/status/429?retryAfter=600'));
    await until(async () => (await one.sluice.queues.show(one.queue)).holds.length === 1);
    const held = await one.sluice.enqueue(one.url('/item/held'));
    expect(await held.cancel()).toBe('cancelled');
    await expect(held.result()).rejects.toMatchObject(cancelled);
    expect(await one.seen()).toHaveLength(1);
  });
});

describe('a job that runs', () => {
  test('is told to its worker, and ends cancelled', async () => {
    const handle = await running('/hang?told');
    expect(await handle.status()).toBe('active');
    expect(await handle.cancel()).toBe('cancelling');
    await expect(handle.result()).rejects.toMatchObject(cancelled);
    await until(async () => (await rig.bull.getJobState(handle.id)) === 'unknown');
    expect(await handle.status()).toBe('failed');
    expect(await rig.bull.getFailedCount()).toBe(0);
  });

  test('is aborted at the upstream in the process of another worker', async () => {
    await using far = await Rig.open({ idle: true });
    await using worker = startProgram('packages/worker/src/main.ts', [], {
      ipc: true,
      env: {
        SLUICE_REDIS_URL: inject('redisUrl'),
        SLUICE_PREFIX: far.prefix,
        SLUICE_HEALTH_PORT: '0',
        SLUICE_LOG_LEVEL: 'warn',
      },
    });
    await worker.message((message): message is object => message !== null);
    for (let round = 0; round < 2; round++) {
      const handle = await far.sluice.enqueue(far.url(`/hang?${round}`));
      await far.arrived(round + 1);
      expect(await handle.cancel()).toBe('cancelling');
      await far.quiet();
      await expect(handle.result()).rejects.toMatchObject(cancelled);
    }
    worker.signal('SIGTERM');
    await worker.exit();
  });

  test('is aborted in the middle of its body', async () => {
    const handle = await running('/drip?bytes=1000&ms=20');
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject(cancelled);
    await rig.quiet();
  });

  test('and waits for its permit is never sent', async () => {
    await using paced = await Rig.open({ policy: { rate: { limit: 2, per: '3s', burst: 1 } } });
    await paced.end('/item/1');
    const handle = await paced.sluice.enqueue(paced.url('/item/2'));
    await until(async () => ['active', 'waiting'].includes(await handle.status()));
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject(cancelled);
    await paced.end('/item/3');
    expect(await paced.seen()).toEqual(['GET /item/1', 'GET /item/3']);
  });
});

describe('from another client', () => {
  test('a waiting job is cancelled, and its own producer hears of it', async () => {
    const handle = await rig.sluice.enqueue({ url: rig.url('/item/far'), delayMs: 3_600_000 });
    expect(await elsewhere.job(handle.id).cancel()).toBe('cancelled');
    await expect(handle.result()).rejects.toMatchObject(cancelled);
  });

  test('a running job is cancelled, and both hear of it', async () => {
    const handle = await running('/hang?both');
    const there = elsewhere.job(handle.id);
    const heard = expect(there.result()).rejects.toMatchObject(cancelled);
    expect(await there.cancel()).toBe('cancelling');
    await expect(handle.result()).rejects.toMatchObject(cancelled);
    await heard;
    await rig.quiet();
  });
});

describe('cancelling', () => {
  test('a finished job says that it had ended, and leaves its outcome', async () => {
    const handle = await rig.sluice.enqueue(rig.url('/item/done'));
    await handle.result();
    expect(await handle.cancel()).toBe('ended');
    expect(await handle.status()).toBe('completed');
    expect((await elsewhere.job(handle.id).result()).status).toBe(200);
  });

  test('twice is fine', async () => {
    const waits = await rig.sluice.enqueue({ url: rig.url('/item/twice'), delayMs: 3_600_000 });
    expect([await waits.cancel(), await waits.cancel()]).toEqual(['cancelled', 'ended']);
    const runs = await running('/hang?twice');
    const answers = await Promise.all([runs.cancel(), runs.cancel()]);
    expect(answers).toContain('cancelling');
    await expect(runs.result()).rejects.toMatchObject(cancelled);
    expect(await runs.cancel()).toBe('ended');
  });

  test('a job that is not there says so, and does not end one that takes its id later', async () => {
    expect(await rig.sluice.job('later').cancel()).toBe('unknown');
    const handle = await rig.sluice.enqueue({ url: rig.url('/item/later'), id: 'later' });
    expect((await handle.result()).status).toBe(200);
  });

  test('a job whose attempt ends at that moment does not wait for the next attempt', async () => {
    // What a worker looks like that has the job, and has nothing to abort any more when the message comes.
    await using idle = await Rig.open({ idle: true });
    const handle = await idle.sluice.enqueue({ url: idle.url('/item/1'), delayMs: 3_600_000 });
    const lock = idle.keys.bull(idle.queue).lock(handle.id);
    await idle.redis.set(lock, 'of a worker');
    expect(await handle.cancel()).toBe('cancelling');
    await idle.redis.unlink(lock);
    await expect(handle.result()).rejects.toMatchObject(cancelled);
    await until(async () => (await idle.bull.getJobState(handle.id)) === 'unknown');
  });
});
