import { describe, expect, inject, test } from 'vitest';
import { type TcpProxy, startTcpProxy } from '../../../test/lab/faults/tcp-proxy.ts';
import { Rig, loopback, until } from './rig.ts';

describe('a pool that drains', () => {
  test('lets the requests in flight finish within the grace, and takes no more jobs', async () => {
    await using rig = await Rig.open({ idle: true });
    const pool = await rig.startPool({ SLUICE_CONCURRENCY: '1' });
    const first = rig.end('/delay/300');
    await rig.arrived(1);
    await rig.sluice.enqueue({ url: rig.url('/never'), id: 'second' });
    await pool.drain(10_000);
    expect((await first).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    expect(await rig.seen()).toEqual(['GET /delay/300']);
    expect(await rig.bull.getJobState('second')).toBe('waiting');
  });

  test('gives back what is not finished at the end of the grace: to the front, no attempt spent', async () => {
    await using rig = await Rig.open({ idle: true });
    const pool = await rig.startPool({ SLUICE_CONCURRENCY: '1' });
    await rig.sluice.enqueue({ url: rig.url('/hang'), id: 'taken' });
    await rig.arrived(1);
    await rig.sluice.enqueue({ url: rig.url('/'), id: 'behind' });
    await pool.drain(50);
    expect((await rig.bull.getJobs(['waiting'], 0, -1, true)).map((job) => job.id)).toEqual([
      'taken',
      'behind',
    ]);
    expect((await rig.bull.getJob('taken'))?.attemptsMade).toBe(0);
    await rig.quiet();
  });

  test('again, while it waits, gives everything back at once', async () => {
    await using rig = await Rig.open({ idle: true });
    const pool = await rig.startPool();
    await rig.sluice.enqueue({ url: rig.url('/hang'), id: 'taken' });
    await rig.arrived(1);
    await Promise.all([pool.drain(60_000), pool.drain(60_000)]);
    expect(await rig.bull.getJobState('taken')).toBe('waiting');
  });

  test('says that it is not ready while it drains', async () => {
    await using rig = await Rig.open({ idle: true });
    const pool = await rig.startPool();
    expect(pool.notReady()).toEqual([]);
    const drained = pool.drain(0);
    expect(pool.notReady()).toContain('draining');
    await drained;
  });

  test('gives back jobs that wait for a permit, and their caller gets the outcome from the next pool', async () => {
    await using rig = await Rig.open({ idle: true, policy: { rate: { limit: 2, per: '1s', burst: 1 } } });
    const pool = await rig.startPool();
    const ends = Array.from({ length: 4 }, (_, n) => rig.end(`/?${n}`));
    await rig.arrived(1);
    await pool.drain(0);
    expect((await rig.seen()).length).toBeLessThan(4);
    await rig.startPool();
    for (const { outcome } of await Promise.all(ends)) {
      expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
    }
  });

  test('loses nothing and repeats nothing when pools come and go under load', async () => {
    await using rig = await Rig.open({ idle: true, policy: { rate: '200/1s' } });
    const ends = Array.from({ length: 150 }, (_, n) => rig.end(`/item/${n}`));
    for (let n = 1; n <= 3; n++) {
      const pool = await rig.startPool();
      await rig.arrived(n * 30);
      await pool.drain(5000);
    }
    await rig.startPool();
    for (const { outcome } of await Promise.all(ends)) {
      expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
    }
    expect(await rig.seen()).toHaveLength(150);
  });
});

describe('a pool that drains while Redis is away', () => {
  test.each([
    ['refuses connections', (proxy: TcpProxy) => (proxy.refuse(), proxy.cut())],
    ['is silent', (proxy: TcpProxy) => proxy.stall()],
  ])(
    'ends after the grace when it %s, says what it left, and leaves no connection open',
    async (_how, breakIt) => {
      const { hostname, port } = new URL(inject('redisUrl'));
      await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
      await using rig = await Rig.open({ idle: true });
      const pool = await rig.startPool({ SLUICE_REDIS_URL: `redis://${proxy.host}:${proxy.port}` });
      await rig.sluice.enqueue({ url: rig.url('/hang'), id: 'taken' });
      await rig.arrived(1);
      breakIt(proxy);
      const begun = performance.now();
      expect(await pool.drain(300)).toBe(false);
      expect(performance.now() - begun).toBeGreaterThan(290);
      // Before the connection would have been given up, after 15 s.
      expect(performance.now() - begun).toBeLessThan(10_000);
      await rig.quiet();
      proxy.heal();
      await until(() => proxy.connections === 0);
    },
  );
});

describe('a job that is given back before it was sent', () => {
  test("while it waits for a slot gives the gate's token back: the next worker gets the job at once, not in an hour", async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.policies.set('hourly', {
      egress: loopback,
      rate: { limit: 1, per: '1h', shape: 'fixed' },
    });
    const pool = await rig.startPool({ SLUICE_CONCURRENCY: '1' });
    await rig.sluice.enqueue({ url: rig.url('/hang') });
    await rig.arrived(1);
    const waiting = await rig.sluice.enqueue({ url: rig.url('/waiting') }, { queue: 'hourly' });
    await until(async () => (await rig.redis.llen(rig.keys.bull('hourly').active)) === 1);
    await pool.drain(0);
    expect(await rig.redis.llen(rig.keys.bull('hourly').wait)).toBe(1);
    await rig.startPool();
    expect((await waiting.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
  });

  test('while it waits for its start gives the start back: the next worker gets it at once, not in an hour', async () => {
    await using rig = await Rig.open({ idle: true, policy: { rate: '1/1h' } });
    const schedule = rig.keys.schedule(rig.queue);
    const due = async () => Number(await rig.redis.hget(schedule, 'due'));
    const pool = await rig.startPool();
    const [seconds, micros] = await rig.redis.time();
    const start = Number(seconds) * 1_000_000 + Number(micros) + 900_000;
    await rig.redis.hset(schedule, 'due', start);
    const waiting = await rig.sluice.enqueue(rig.url('/waiting'));
    // Its start is reserved: the next one is an hour away.
    await until(async () => (await due()) > start + 1_000_000_000);
    await pool.drain(0);
    expect(await rig.seen()).toEqual([]);
    expect(await due()).toBe(start);
    await rig.startPool();
    expect((await waiting.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
  });
});

describe('a worker that lost the lock of a job', () => {
  test('aborts its request and leaves the job to whoever has it', async () => {
    await using rig = await Rig.open({ env: { SLUICE_LOCK_DURATION: '5s' } });
    await rig.sluice.enqueue({ url: rig.url('/hang'), id: 'stolen' });
    await rig.arrived(1);
    expect(await rig.upstream.inFlight()).toBe(1);
    await rig.redis.set(rig.keys.bull(rig.queue).lock('stolen'), 'another worker', 'PX', 60_000);
    await rig.quiet();
    expect(await rig.redis.exists(rig.keys.outcome(rig.queue, 'stolen'))).toBe(0);
    expect(await rig.bull.getJobState('stolen')).toBe('active');
  });

  test('cannot commit its outcome when it finishes: the outcome is that of the other run', async () => {
    await using rig = await Rig.open();
    await rig.sluice.enqueue({ url: rig.url('/delay/300'), id: 'stolen' });
    await rig.arrived(1);
    await rig.redis.set(rig.keys.bull(rig.queue).lock('stolen'), 'another worker', 'PX', 60_000);
    await rig.quiet();
    await rig.end('/after');
    expect(await rig.redis.exists(rig.keys.outcome(rig.queue, 'stolen'))).toBe(0);
  });

  test('reports its outcome if nobody else took the job, and the job is not performed again', async () => {
    await using rig = await Rig.open({ idle: true });
    const env = { SLUICE_STALLED_INTERVAL: '1s' };
    const pool = await rig.startPool(env);
    const end = rig.end('/delay/300', { id: 'late' });
    await rig.arrived(1);
    await rig.redis.del(rig.keys.bull(rig.queue).lock('late'));
    expect((await end).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    await pool.drain(0);
    await rig.startPool(env);
    await until(async () => (await rig.bull.getJobState('late')) === 'unknown');
    expect(await rig.seen()).toEqual(['GET /delay/300']);
  });
});
