import { afterAll, beforeEach, expect, test } from 'vitest';
import { Rig } from '../../worker/test/rig.ts';
import { type DeadFilter, SluiceError } from '../src/index.ts';

let rig: Rig;
beforeEach(async () => {
  await rig?.[Symbol.asyncDispose]();
  rig = await Rig.open({ idle: true, policy: { rate: '1/1h' } });
});
afterAll(() => rig[Symbol.asyncDispose]());

/** So many failed jobs, the first at 1 ms: every tenth timed out, every fourth went to `b.test`. */
async function fail(count: number): Promise<void> {
  const { failed, job } = rig.keys.bull(rig.queue);
  const sample = await rig.sluice.enqueue({ url: 'http://x.test/sample', id: 'sample' });
  const stored = (await rig.redis.hget(job('sample'), 'data'))!;
  await sample.cancel();
  const pipeline = rig.redis.pipeline();
  for (let n = 1; n <= count; n++) {
    const url = `http://${n % 4 === 0 ? 'b.test:8080' : 'a.test'}/${n}`;
    const data = stored.replace('http://x.test/sample', url);
    const code = n % 10 === 0 ? 'SLUICE_TIMEOUT' : 'SLUICE_NETWORK';
    pipeline.hset(job(`j${n}`), {
      data,
      failedReason: `${code}: x`,
      timestamp: 1,
      atm: 1,
    });
    pipeline.zadd(failed, n, `j${n}`);
  }
  await pipeline.exec();
}

async function search(filter: DeadFilter, limit = 1000) {
  const found: string[] = [];
  const examined: number[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await rig.sluice.dead.list(rig.queue, { ...filter, limit, cursor: cursor ?? undefined });
    found.push(...page.letters.map(({ id }) => id));
    examined.push(page.examined);
    ({ cursor } = page);
  } while (cursor !== null);
  return { found, examined };
}

const ids = (count: number, isMeant: (n: number) => boolean) =>
  Array.from({ length: count }, (_, n) => n + 1)
    .filter(isMeant)
    .map((n) => `j${n}`);

test('a search finds what is meant and nothing else, and no call looks at more than 1,000', async () => {
  await fail(2300);
  const all = await search({});
  expect(all).toEqual({ found: ids(2300, () => true).toReversed(), examined: [1000, 1000, 300] });
  expect(await search({ host: 'b.test:8080', code: 'SLUICE_TIMEOUT' })).toEqual({
    found: ids(2300, (n) => n % 20 === 0).toReversed(),
    examined: [1000, 1000, 300],
  });
  expect((await search({ host: 'B.test' })).found).toHaveLength(575);
  expect((await search({ host: 'c.test' })).found).toEqual([]);
  expect((await search({ id: 'j22' })).found).toHaveLength(111);
  // Times are not looked for: what is not in them is not examined.
  expect(await search({ since: 100, until: 110 })).toEqual({
    found: ids(2300, (n) => n >= 100 && n < 110).toReversed(),
    examined: [10],
  });
  expect(await search({ since: 1, until: 50, code: 'SLUICE_TIMEOUT' }, 1)).toEqual({
    found: ['j40', 'j30', 'j20', 'j10'],
    examined: [10, 10, 10, 10, 9],
  });
});

test('a selection is redriven and removed page by page, the oldest first; what fails meanwhile is not of it', async () => {
  await fail(2100);
  const { dead } = rig.sluice;
  const first = await dead.redrivePage(rig.queue, { code: 'SLUICE_TIMEOUT' });
  expect(first).toMatchObject({ redriven: 100, skipped: [], ambiguous: [], examined: 1000 });
  await rig.redis.hset(rig.keys.bull(rig.queue).job('late'), {
    data: '{}',
    failedReason: 'SLUICE_TIMEOUT: x',
  });
  await rig.redis.zadd(rig.keys.bull(rig.queue).failed, 9999, 'late');
  const second = await dead.redrivePage(rig.queue, { code: 'SLUICE_TIMEOUT' }, { cursor: first.cursor });
  const third = await dead.redrivePage(rig.queue, { code: 'SLUICE_TIMEOUT' }, { cursor: second.cursor });
  expect([second.redriven, third.redriven, third.cursor]).toEqual([100, 10, null]);
  expect((await search({ code: 'SLUICE_TIMEOUT' })).found).toEqual(['late']);
  expect((await rig.sluice.queues.show(rig.queue)).counts.waiting).toBe(210);

  const seen: [number, number][] = [];
  const removed = await dead.purge(rig.queue, {
    host: 'b.test',
    until: 2000,
    progress: (examined, count) => seen.push([examined, count]),
  });
  const meant = ids(1999, (n) => n % 4 === 0 && n % 10 !== 0);
  expect(removed).toBe(meant.length);
  expect(seen.at(-1)![1]).toBe(removed);
  expect(seen.length).toBeGreaterThan(1);
  expect((await search({ host: 'b.test' })).found).toEqual(
    ids(2100, (n) => n >= 2000 && n % 4 === 0 && n % 10 !== 0).toReversed(),
  );
});

test('a loop over a selection stops when it is cancelled, and says how far it was', async () => {
  await fail(2500);
  const stop = new AbortController();
  const result = await rig.sluice.dead.redrive(
    rig.queue,
    { all: true },
    { signal: stop.signal, progress: () => stop.abort() },
  );
  expect(result.redriven).toBe(1000);
  expect((await rig.sluice.queues.show(rig.queue)).counts).toMatchObject({ waiting: 1000, failed: 1500 });
  await expect(rig.sluice.dead.redrivePage(rig.queue, {}, { cursor: '1:j1' })).rejects.toBeInstanceOf(
    SluiceError,
  );
});
