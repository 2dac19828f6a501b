import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Rig, until } from '../../worker/test/rig.ts';
import type { JobError } from '../src/index.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open();
});
beforeEach(() => rig.upstream.reset());
afterAll(() => rig[Symbol.asyncDispose]());

const blocked = 'http://169.254.169.254/latest/meta-data';

describe('gather', () => {
  test('gives the responses in the order of the input, whatever the order of their ends', async () => {
    const delays = [200, 100, 0, 50];
    const responses = await rig.sluice.gather(delays.map((ms) => rig.url(`/delay/${ms}`)));
    expect(responses.map((response) => response.json())).toEqual(delays.map((delayedMs) => ({ delayedMs })));
  });

  test('takes specs and URLs, from any iterable', async () => {
    async function* specs() {
      yield rig.url('/item/1');
      yield { url: rig.url('/echo'), json: { n: 2 } };
    }
    const [one, two] = await rig.sluice.gather(specs());
    expect(one?.ok).toBe(true);
    expect(two?.json()).toMatchObject({ method: 'POST', body: '{"n":2}' });
    expect(await rig.sluice.gather([])).toEqual([]);
  });

  test('of more jobs than it adds at once keeps their order', async () => {
    const paths = Array.from({ length: 450 }, (_, n) => rig.url(`/item/${n}`));
    const responses = await rig.sluice.gather(paths);
    expect(responses.map(({ url }) => url)).toEqual(paths);
  });

  test('throws the first failure, while the other jobs go on', async () => {
    const error = await rig.sluice
      .gather([rig.url('/delay/2000'), blocked, rig.url('/status/500?later')])
      .catch((error: unknown) => error);
    expect(error).toMatchObject({ name: 'JobError', code: 'SLUICE_BLOCKED' });
    const slow = async () => (await rig.upstream.arrivals()).find(({ path }) => path === '/delay/2000');
    expect((await slow())?.status).toBeFalsy();
    await until(async () => (await slow())?.status === 200);
  });

  test('settled gives every outcome, in order, and does not throw', async () => {
    const results = await rig.sluice.gather(
      [rig.url('/delay/50'), blocked, { url: rig.url('/status/500'), attempts: 1 }, rig.url('/status/404')],
      { settled: true },
    );
    const brief = results.map((result) =>
      result.status === 'fulfilled' ? result.value.status : (result.reason as JobError).code,
    );
    expect(brief).toEqual([200, 'SLUICE_BLOCKED', 'SLUICE_HTTP_ERROR', 404]);
  });

  test.each([true, false])('throws the faults of a spec with its place (settled: %s)', async (settled) => {
    const specs = [rig.url('/item/1'), { url: rig.url('/item/2'), timeoutMs: 0 }];
    const gathered = settled ? rig.sluice.gather(specs, { settled }) : rig.sluice.gather(specs);
    await expect(gathered).rejects.toMatchObject({
      code: 'SLUICE_INVALID_SPEC',
      message: expect.stringContaining('job spec [1]') as string,
    });
  });

  test('throws a fault also while the next spec is long in coming', async () => {
    async function* specs() {
      yield 'not a URL';
      await sleep(20); // an unhandled rejection would end the process here
      yield rig.url('/item/1');
    }
    await expect(rig.sluice.gather(specs())).rejects.toMatchObject({ code: 'SLUICE_INVALID_SPEC' });
  });
});

describe('gather of a record', () => {
  test('gives the responses under its names', async () => {
    const { slow, fast } = await rig.sluice.gather({
      slow: rig.url('/delay/50'),
      fast: { url: new URL(rig.url('/delay/1')) },
    });
    expect([slow.json(), fast.json()]).toEqual([{ delayedMs: 50 }, { delayedMs: 1 }]);
    const settled = await rig.sluice.gather({ blocked }, { settled: true });
    expect(settled.blocked.status).toBe('rejected');
    expect(await rig.sluice.gather({})).toEqual({});
  });
});

describe('the signal of a gather', () => {
  test('stops the waiting and cancels its jobs', async () => {
    const stop = new AbortController();
    const gathered = rig.sluice.gather([rig.url('/hang'), rig.url('/hang')], { signal: stop.signal });
    await rig.arrived(2);
    stop.abort();
    await expect(gathered).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED' });
    await rig.quiet();
  });

  test('stops the taking of specs', async () => {
    const stop = new AbortController();
    let taken = 0;
    async function* specs() {
      for (; taken < 10_000; taken++) {
        if (taken === 20) stop.abort();
        yield rig.url('/hang');
      }
    }
    const gathered = rig.sluice.gather(specs(), { signal: stop.signal, settled: true });
    await expect(gathered).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED' });
    expect(taken).toBeLessThan(30);
    await rig.quiet();
    await until(async () => (await rig.bull.getJobCountByTypes('wait', 'active', 'delayed')) === 0);
  });

  test('before it begins takes nothing', async () => {
    await expect(rig.sluice.gather([blocked], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'SLUICE_WAIT_ABORTED',
    });
  });
});
