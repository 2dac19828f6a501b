import { describe, expect, inject, test } from 'vitest';
import { startProgram } from '../../../test/lab/processes.ts';
import { Rig, until, loopback } from '../../worker/test/rig.ts';
import type { RecurringSpec, When } from '../src/index.ts';

describe('a schedule', () => {
  test('makes its jobs at even distances, the first one at once, each with an outcome of its own', async () => {
    await using rig = await Rig.open();
    await rig.sluice.schedules.upsert(
      'tick',
      { every: '300ms' },
      { url: rig.url('/item/1'), meta: { by: 'tick' } },
    );
    const seen = new Map<string, number>();
    while (seen.size < 4) {
      const [schedule] = await rig.sluice.schedules.list();
      const { id, at } = schedule!.next;
      const { outcome, body } = await rig.sluice.job(id).outcome();
      expect(outcome).toMatchObject({ kind: 'response', attempts: 1, meta: { by: 'tick' } });
      expect(body).toHaveLength(1024);
      expect(await rig.sluice.job(id).status()).toBe('completed');
      seen.set(id, at);
      await until(async () => (await rig.sluice.schedules.list())[0]!.next.id !== id);
    }
    const times = [...seen.values()];
    expect(times.slice(1).every((at, n) => (at - times[n]!) % 300 === 0 && at > times[n]!)).toBe(true);
    expect((await rig.seen()).slice(0, 4)).toEqual(Array.from({ length: 4 }, () => 'GET /item/1'));
  });

  test('by cron is due at the pattern, in its time zone', async () => {
    await using rig = await Rig.open({ idle: true });
    const spec = { url: rig.url('/'), method: 'POST', json: { a: 1 } };
    await rig.sluice.schedules.upsert('daily', { cron: '30 4 * * *', tz: 'Asia/Kolkata' }, spec);
    await rig.sluice.schedules.upsert('utc', { cron: '0 0 1 1 *' }, spec);
    const list = await rig.sluice.schedules.list();
    const daily = list.find(({ name }) => name === 'daily')!;
    expect(daily).toMatchObject({
      every: null,
      cron: '30 4 * * *',
      tz: 'Asia/Kolkata',
      request: { url: rig.url('/'), method: 'POST', body: '{"a":1}' },
      next: { id: `repeat:daily:${daily.next.at}` },
    });
    expect(new Date(daily.next.at).toISOString()).toMatch(/T23:00:00\.000Z$/);
    const utc = list.find(({ name }) => name === 'utc')!;
    expect(new Date(utc.next.at).toISOString()).toMatch(/-01-01T00:00:00\.000Z$/);
  });

  test('by cron with seconds runs and goes on', { timeout: 30_000 }, async () => {
    await using rig = await Rig.open();
    await rig.sluice.schedules.upsert('each-second', { cron: '* * * * * *' }, rig.url('/second'));
    await rig.arrived(3);
    expect((await rig.sluice.schedules.list())[0]!.next.at % 1000).toBe(0);
  });

  test('outlives the worker and the producer that were there', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.schedules.upsert('tick', { every: 200 }, rig.url('/'));
    const env = {
      SLUICE_REDIS_URL: inject('redisUrl'),
      SLUICE_PREFIX: rig.prefix,
      SLUICE_HEALTH_PORT: '0',
      SLUICE_LOCK_DURATION: '5s',
    };
    {
      await using _ = startProgram('packages/worker/src/main.ts', [], { env });
      await rig.arrived(2);
    }
    await rig.upstream.reset();
    await rig.startPool();
    await rig.arrived(3);
  });

  test('goes on after a job that failed, and after one that was cancelled while it waited', async () => {
    await using rig = await Rig.open({ idle: true, policy: { retry: { attempts: 1 } } });
    await rig.sluice.schedules.upsert('tick', { every: 200 }, rig.url('/status/500?times=1'));
    const [first] = await rig.sluice.schedules.list();
    expect(await rig.sluice.job(first!.next.id).cancel()).toBe('cancelled');
    await rig.startPool();
    await rig.arrived(3);
    expect((await rig.sluice.job(first!.next.id).outcome()).outcome.kind).toBe('cancelled');
    expect(await rig.bull.getFailedCount()).toBe(1);
  });

  test('whose job is retried has one job at a time', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.schedules.upsert('hourly', { every: '1h' }, rig.url('/status/503?times=2'));
    // Before a worker takes it: then the next one is an hour away.
    const [first] = await rig.sluice.schedules.list();
    await rig.startPool();
    const { outcome } = await rig.sluice.job(first!.next.id).outcome();
    expect(outcome).toMatchObject({ kind: 'response', attempts: 3 });
    await until(async () => (await rig.bull.getJobCountByTypes('active')) === 0);
    expect(await rig.bull.getJobCountByTypes('delayed', 'wait')).toBe(1);
    expect(await rig.sluice.schedules.list()).toHaveLength(1);
  });

  test('that is set again has the new request and the new distance', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.schedules.upsert('tick', { every: '1h' }, rig.url('/old'));
    await rig.sluice.schedules.upsert('tick', { every: '2h' }, rig.url('/new'));
    const list = await rig.sluice.schedules.list();
    expect(list).toMatchObject([{ name: 'tick', every: 7_200_000, request: { url: rig.url('/new') } }]);
    expect(await rig.bull.getJobCountByTypes('delayed', 'wait')).toBe(1);
    await rig.startPool();
    await rig.arrived(1);
    expect(await rig.seen()).toEqual(['GET /new']);
  });

  test.each<[string, When]>([
    ['is not due yet', { cron: '0 0 1 1 *' }],
    ['waits', { every: '1h' }],
  ])('that is removed leaves no job, when its job %s', async (_, when) => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.schedules.upsert('tick', when, rig.url('/'));
    expect(await rig.sluice.schedules.remove('tick')).toBe(true);
    expect(await rig.sluice.schedules.remove('tick')).toBe(false);
    expect(await rig.sluice.schedules.list()).toEqual([]);
    expect(await rig.bull.getJobCountByTypes('delayed', 'wait')).toBe(0);
  });

  test('belongs to its queue', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.policies.set('other', { egress: loopback });
    await rig.sluice.schedules.upsert('tick', { every: '1h' }, rig.url('/'), { queue: 'other' });
    expect(await rig.sluice.schedules.list()).toEqual([]);
    expect(await rig.sluice.schedules.list({ queue: 'other' })).toHaveLength(1);
  });

  test.each<[string, string, When, RecurringSpec & { id?: string; deadline?: number }]>([
    ['cron', 'x', { cron: 'soon' }, { url: 'http://a/' }],
    ['cron', 'x', { cron: '61 * * * *' }, { url: 'http://a/' }],
    ['cron', 'x', { cron: '0 * * * *', tz: 'Mars/Base' }, { url: 'http://a/' }],
    ['every', 'x', { every: '1' }, { url: 'http://a/' }],
    ['every', 'x', { every: 5 }, { url: 'http://a/' }],
    ['', 'a:b', { every: '1h' }, { url: 'http://a/' }],
    ['url', 'x', { every: '1h' }, { url: 'ftp://a/' }],
    ['id', 'x', { every: '1h' }, { url: 'http://a/', id: 'one' }],
    ['deadline', 'x', { every: '1h' }, { url: 'http://a/', deadline: 1 }],
    ['json', 'x', { every: '1h' }, { url: 'http://a/', method: 'GET', json: 1 }],
  ])('with a fault in %j is refused', async (path, name, when, spec) => {
    await using rig = await Rig.open({ idle: true });
    await expect(rig.sluice.schedules.upsert(name, when, spec)).rejects.toMatchObject({
      code: 'SLUICE_INVALID_SPEC',
      faults: [{ path }],
    });
    expect(await rig.sluice.schedules.list()).toEqual([]);
  });
});
