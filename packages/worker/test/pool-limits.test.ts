import { describe, expect, test } from 'vitest';
import type { PolicyInput } from '@sluice/shared';
import { worstWindow } from '../../../test/lab/measure/window.ts';
import { Rig, loopback, quick, until } from './rig.ts';

const ends = (rig: Rig, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => rig.end(`/item/${n}`)));

async function worst(rig: Rig, windowMs: number): Promise<number> {
  const { t } = await rig.upstream.arrivalColumns();
  return worstWindow(t, windowMs).count;
}

/**
 * The upstream is in this process, and other tests run beside it: arrivals are late by what the machine is busy. The
 * slack covers it; how exact a rate is with the default slack is measured in bench/rate.
 */
const generous = (limit: number, per: number): NonNullable<PolicyInput['rate']> => ({
  limit,
  per,
  slack: 300,
});

describe('a rate', () => {
  test.each([
    [20, 500, 60],
    [2, 500, 5],
    [100, 1000, 150],
  ])('of %d per %d ms is in no sliding window exceeded', async (limit, per, count) => {
    await using rig = await Rig.open({ policy: { rate: generous(limit, per) } });
    for (const { outcome } of await ends(rig, count)) expect(outcome.kind).toBe('response');
    expect(await worst(rig, per)).toBeLessThanOrEqual(limit);
  });

  test('of two pools together is that of one', async () => {
    await using rig = await Rig.open({ policy: { rate: generous(50, 500) } });
    await rig.startPool();
    await ends(rig, 120);
    expect(await worst(rig, 500)).toBeLessThanOrEqual(50);
  });

  test('that is changed is obeyed at once, without a restart', async () => {
    await using rig = await Rig.open({ policy: { rate: '1/1h' } });
    await rig.end('/first');
    const rest = ends(rig, 20);
    await rig.sluice.policies.set(rig.queue, { rate: '200/1s', egress: loopback });
    for (const { outcome } of await rest) expect(outcome.kind).toBe('response');
  });

  test('is not used up by jobs that send nothing', async () => {
    await using rig = await Rig.open({ policy: { rate: { limit: 3, per: '1h', shape: 'fixed' } } });
    for (let n = 0; n < 5; n++) {
      expect((await rig.end('http://10.0.0.1/')).outcome.kind).toBe('blocked');
      expect(await rig.addExpired(`expired-${n}`)).toContain('SLUICE_EXPIRED');
    }
    for (const { outcome } of await ends(rig, 3)) expect(outcome.kind).toBe('response');
  });

  test('counts only what was sent', async () => {
    await using rig = await Rig.open({ policy: { rate: '100/1s', retry: quick } });
    await rig.end('http://10.0.0.1/');
    await rig.end('/status/500?times=1');
    expect(await rig.sluice.queues.stats(rig.queue)).toEqual({ sent: 2, rejected: 0 });
  });
});

describe('concurrency', () => {
  test('of the process bounds the requests in flight over all its queues', async () => {
    await using rig = await Rig.open({
      upstream: { latencyMs: 40 },
      env: { SLUICE_CONCURRENCY: '4' },
    });
    await rig.sluice.policies.create('other', { egress: loopback });
    const jobs = Array.from({ length: 30 }, async (_, n) => {
      const handle = await rig.sluice.enqueue(rig.url(`/item/${n}`), { queue: n % 2 ? 'other' : rig.queue });
      await handle.outcome();
    });
    let most = 0;
    let done = false;
    const all = Promise.all(jobs).then(() => (done = true));
    await until(async () => {
      most = Math.max(most, await rig.upstream.inFlight());
      return done;
    });
    await all;
    expect(most).toBeLessThanOrEqual(4);
    expect(most).toBeGreaterThan(1);
  });

  test.each([
    ['worker', { worker: 2, global: null }],
    ['global', { worker: null, global: 2 }],
  ])('of the policy (%s) bounds those of its queue', async (_, concurrency) => {
    await using rig = await Rig.open({ upstream: { latencyMs: 40 }, policy: { concurrency } });
    let most = 0;
    let done = false;
    const all = ends(rig, 16).then(() => (done = true));
    await until(async () => {
      most = Math.max(most, await rig.upstream.inFlight());
      return done;
    });
    await all;
    expect(most).toBe(2);
  });
});

describe('a queue', () => {
  test('without a policy is not served, keeps the pool not ready, and is served once it has one', async () => {
    await using rig = await Rig.open({ idle: true });
    const pool = await rig.startPool({ SLUICE_QUEUES: `${rig.queue},later` });
    expect(pool.notReady()).toEqual([expect.stringContaining('queue "later" has no policy')]);
    await rig.sluice.policies.create('later', { egress: loopback });
    const handle = await rig.sluice.enqueue(rig.url('/'), { queue: 'later' });
    expect((await handle.outcome()).outcome.kind).toBe('response');
    expect(pool.notReady()).toEqual([]);
  });

  test('that is not named is not served', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.policies.create('named', { egress: loopback });
    await rig.sluice.enqueue({ url: rig.url('/not'), id: 'left' });
    await rig.startPool({ SLUICE_QUEUES: 'named' });
    const handle = await rig.sluice.enqueue(rig.url('/yes'), { queue: 'named' });
    await handle.outcome();
    expect(await rig.bull.getJobState('left')).toBe('waiting');
    expect(await rig.seen()).toEqual(['GET /yes']);
  });

  test('that names one origin blocks every other URL', async () => {
    await using rig = await Rig.open({ policy: { origin: 'https://api.example.com' } });
    const { outcome } = await rig.end('/');
    expect(outcome).toMatchObject({ kind: 'blocked', attempts: 0 });
    expect(outcome.error?.message).toContain('https://api.example.com');
  });

  test('whose egress is narrowed uses none of the connections that were open', async () => {
    await using rig = await Rig.open();
    expect((await rig.end('/')).outcome.kind).toBe('response');
    await rig.sluice.policies.set(rig.queue, {});
    await until(async () => (await rig.end('/?again')).outcome.kind === 'blocked');
    await rig.upstream.reset();
    expect((await rig.end('/?never')).outcome.kind).toBe('blocked');
    expect(await rig.seen()).toEqual([]);
  });
});
