import { describe, expect, test } from 'vitest';
import { Rig, quick, until } from '../../worker/test/rig.ts';
import type { StreamItem } from '../src/index.ts';

async function collect(items: AsyncIterable<StreamItem>): Promise<StreamItem[]> {
  const all: StreamItem[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('a stream', () => {
  test.each([0, -1, 1.5, Number.NaN])('with room for %s jobs is refused', async (inFlight) => {
    await using rig = await Rig.open({ idle: true });
    await expect(collect(rig.sluice.stream([rig.url('/')], { inFlight }))).rejects.toMatchObject({
      code: 'SLUICE_INVALID_SPEC',
      faults: [{ path: 'inFlight' }],
    });
  });

  test('yields each job once, with its place in the input, in the order in which they end', async () => {
    await using rig = await Rig.open();
    const delays = [300, 150, 1];
    const items = await collect(rig.sluice.stream(delays.map((ms) => rig.url(`/delay/${ms}`))));
    expect(items.map(({ index }) => index)).toEqual([2, 1, 0]);
    for (const { index, spec, outcome, body } of items) {
      expect(spec).toBe(rig.url(`/delay/${delays[index]}`));
      expect(outcome.kind).toBe('response');
      expect(JSON.parse(Buffer.from(body).toString())).toEqual({ delayedMs: delays[index] });
    }
  });

  test('yields failed jobs, too', async () => {
    await using rig = await Rig.open({ policy: { retry: { ...quick, attempts: 1 } } });
    const urls = ['/', '/status/500', 'http://10.0.0.1/'].map((path) => rig.url(path));
    const items = await collect(rig.sluice.stream(urls));
    expect(items.map(({ index, outcome }) => `${index} ${outcome.kind}`).sort()).toEqual([
      '0 response',
      '1 http-error',
      '2 blocked',
    ]);
  });

  test('of nothing ends at once', async () => {
    await using rig = await Rig.open({ idle: true });
    expect(await collect(rig.sluice.stream([]))).toEqual([]);
  });

  test('takes no more specs than may be in flight, and more as it is read', async () => {
    await using rig = await Rig.open();
    let taken = 0;
    function* specs() {
      for (; taken < 50; taken++) yield rig.url(`/item/${taken}`);
    }
    const stream = rig.sluice.stream(specs(), { inFlight: 5 });
    await stream.next();
    await rig.arrived(5);
    await rig.quiet();
    // One was yielded, five are in flight or ended, and one spec may be in the hand.
    expect(taken).toBeLessThanOrEqual(7);
    const rest = await collect(stream);
    expect(rest).toHaveLength(49);
    expect(taken).toBe(50);
  });

  test('takes asynchronous input as it comes', async () => {
    await using rig = await Rig.open();
    async function* specs() {
      for (let n = 0; n < 5; n++) {
        yield rig.url(`/item/${n}`);
        await rig.arrived(n + 1);
      }
    }
    expect(await collect(rig.sluice.stream(specs()))).toHaveLength(5);
  });

  test('throws what its input throws, and a faulty spec with its place', async () => {
    await using rig = await Rig.open();
    function* broken() {
      yield rig.url('/');
      throw new Error('the file ended early');
    }
    await expect(collect(rig.sluice.stream(broken()))).rejects.toThrow('the file ended early');
    const faulty = rig.sluice.stream([rig.url('/'), 'nowhere']);
    await expect(collect(faulty)).rejects.toThrow(/job spec \[1\]: url/);
  });

  test('that is left early stops taking specs', async () => {
    await using rig = await Rig.open();
    let taken = 0;
    let closed = false;
    function* specs() {
      try {
        for (; ; taken++) yield rig.url(`/item/${taken}`);
      } finally {
        closed = true;
      }
    }
    for await (const item of rig.sluice.stream(specs(), { inFlight: 3 })) {
      expect(item.outcome.kind).toBe('response');
      break;
    }
    await until(() => closed);
    expect(taken).toBeLessThan(10);
  });
});

describe('a stream that is aborted', () => {
  test('takes its waiting jobs back, waits for those that run, and yields them all', async () => {
    await using rig = await Rig.open({ env: { SLUICE_CONCURRENCY: '2' } });
    const stop = new AbortController();
    const urls = Array.from({ length: 30 }, (_, n) => rig.url(`/delay/${200 + n}`));
    const items = collect(rig.sluice.stream(urls, { signal: stop.signal }));
    await rig.arrived(2);
    await until(async () => (await rig.bull.getWaitingCount()) === 28);
    stop.abort();
    const ended = await items;
    expect(ended).toHaveLength(30);
    const kinds = ended.map(({ outcome }) => outcome.kind);
    expect(kinds.filter((kind) => kind === 'cancelled').length).toBeGreaterThanOrEqual(20);
    expect(kinds.filter((kind) => kind === 'response')).toHaveLength((await rig.seen()).length);
    await until(async () => (await rig.bull.getJobCountByTypes('waiting', 'active', 'delayed')) === 0);
  });

  test('also takes back a job that waits for its next attempt', async () => {
    await using rig = await Rig.open({ policy: { retry: { base: 60_000 } } });
    const stop = new AbortController();
    const items = collect(rig.sluice.stream([rig.url('/status/500')], { signal: stop.signal }));
    await until(async () => (await rig.bull.getDelayedCount()) === 1);
    stop.abort();
    expect((await items)[0]?.outcome).toMatchObject({ kind: 'cancelled', attempts: 1 });
  });

  test('before it begins takes nothing', async () => {
    await using rig = await Rig.open({ idle: true });
    const signal = AbortSignal.abort();
    expect(await collect(rig.sluice.stream([rig.url('/')], { signal }))).toEqual([]);
    expect(await rig.bull.getWaitingCount()).toBe(0);
  });

  test('without any worker ends, too: everything is taken back', async () => {
    await using rig = await Rig.open({ idle: true });
    const stop = new AbortController();
    const urls = Array.from({ length: 100 }, (_, n) => rig.url(`/${n}`));
    const items = collect(rig.sluice.stream(urls, { signal: stop.signal }));
    await until(async () => (await rig.bull.getWaitingCount()) === 100);
    stop.abort();
    expect((await items).every(({ outcome }) => outcome.kind === 'cancelled')).toBe(true);
    await until(async () => (await rig.bull.getWaitingCount()) === 0);
  });
});
