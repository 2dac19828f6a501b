import { describe, expect, expectTypeOf, test } from 'vitest';
import type { FetchResponse, Sluice } from '@sluice/producer';
import { testing } from '../src/index.ts';

describe('the clock of a test', () => {
  test('moves on by itself: an hour of backoff takes no time', async () => {
    let asked = 0;
    const policy = { retry: { base: '1h', cap: '10h', factor: 2, jitter: 0, attempts: 3 } };
    const upstream = () => ({ status: (asked += 1) < 3 ? 503 : 200 });
    await using sluice = testing({ policy, upstream });
    const began = sluice.clock.now();
    const job = await sluice.enqueue('https://api.example.com/');
    expect((await job.result()).attempts).toBe(3);
    expect(sluice.clock.now() - began).toBe(3 * 3_600_000);
  });

  test('stands still if that is asked for, and what is due by then happens in order', async () => {
    const times: number[] = [];
    await using sluice = testing({
      clock: 'manual',
      rate: { limit: 2, per: '10s', burst: 1, slack: 5 },
      upstream: ({ at }) => {
        times.push(at);
        return {};
      },
    });
    const began = sluice.clock.now();
    const handles = [];
    for (let n = 0; n < 3; n++) handles.push(await sluice.enqueue(`https://api.example.com/${n}`));
    await sluice.clock.advance(0);
    expect(times).toEqual([began]);
    await sluice.clock.advance('5s');
    expect(times).toHaveLength(1);
    await sluice.clock.advance('5100ms');
    expect(times).toHaveLength(3);
    expect(times[2]! - times[0]!).toBeGreaterThanOrEqual(10_000);
    for (const handle of handles) expect((await handle.result()).status).toBe(200);
    await expect(sluice.clock.advance('soon')).rejects.toMatchObject({ code: 'SLUICE_INVALID_CONFIG' });
  });

  test('decides about deadlines given as a time from now', async () => {
    await using sluice = testing({ clock: 'manual', upstream: () => ({}) });
    await sluice.clock.advance('30d');
    const job = await sluice.enqueue('https://api.example.com/', { deadline: '1m', runAt: '2m' });
    await sluice.clock.advance('59s');
    expect(await job.status()).toBe('delayed');
    await sluice.clock.advance('1s');
    await expect(job.result()).rejects.toMatchObject({ code: 'SLUICE_EXPIRED' });
  });
});

test('its types are those of connect()', async () => {
  await using sluice = testing({ upstream: () => ({ json: 1 }) });
  const [one] = await sluice.gather(['https://a.example/1']);
  expectTypeOf(one).toEqualTypeOf<FetchResponse>();
  const { two } = await sluice.gather({ two: 'https://a.example/2' }, { settled: true });
  expectTypeOf(two).toEqualTypeOf<PromiseSettledResult<FetchResponse>>();
  expect([one.status, two.status]).toEqual([200, 'fulfilled']);
  expectTypeOf<(typeof sluice)['gather']>().toEqualTypeOf<Sluice['gather']>();
  expectTypeOf<(typeof sluice)['fetch']>().toEqualTypeOf<Sluice['fetch']>();
  expectTypeOf<(typeof sluice)['enqueue']>().toEqualTypeOf<Sluice['enqueue']>();
});

test('what only a real fleet does says so', async () => {
  await using sluice = testing({ upstream: () => ({ status: 302, headers: { location: '/b' } }) });
  const code = 'SLUICE_TESTING_UNSUPPORTED';
  expect(() => sluice.semaphore()).toThrow(expect.objectContaining({ code }));
  expect(() => sluice.schedules.list()).toThrow(expect.objectContaining({ code }));
  expect(() => sluice.queues.overview()).toThrow(expect.objectContaining({ code }));
  await expect(sluice.fetch('https://a.example/', { transform: 'parse' })).rejects.toMatchObject({ code });
  await expect(sluice.fetch('https://a.example/')).rejects.toMatchObject({ code });
  await expect(sluice.policies.set('q', { retryIf: 'x' })).rejects.toMatchObject({ code });
});
