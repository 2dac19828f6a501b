import { describe, expect, test } from 'vitest';
import { startTcpProxy } from '../../lab/faults/tcp-proxy.ts';
import { freePort } from '../../lab/free-port.ts';
import { killAndUnlock, until } from '../fleet.ts';
import {
  arrived,
  isMarked,
  open,
  permitsGranted,
  post,
  postponeNextStart,
  replaceWorker,
  upstream,
  useUpstream,
} from '../scenes/delivery.ts';

useUpstream();

describe('at least once: the worker is killed while a POST is under way', () => {
  test('and it is made again, with the same key, which never replaces one from its caller', async () => {
    await using fleet = await open({}, { SLUICE_CONCURRENCY: '3' });
    await upstream.set({ latencyMs: 60_000 });
    const handles = [
      await post(fleet),
      await post(fleet, { headers: { 'Idempotency-Key': 'mine' } }),
      await post(fleet, { idempotencyKey: 'order-7' }),
    ];
    await arrived(3);
    await replaceWorker(fleet);
    for (const handle of handles) {
      // The run whose worker was killed spent nothing.
      expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    }
    const keys = (await upstream.arrivals()).map(({ headers }) => headers?.['idempotency-key']);
    expect(keys).toHaveLength(6);
    expect(new Set(keys.slice(0, 3))).toEqual(new Set(keys.slice(3)));
    expect(new Set(keys)).toEqual(new Set([handles[0]!.id, 'mine', 'order-7']));
  });
});

describe('at most once: the worker is killed', () => {
  const once = { delivery: 'at-most-once', rate: { limit: 2, per: '1s', burst: 1 } } as const;

  test('after the mark, with the request still on the wire: it is ambiguous, and not sent again', async () => {
    await using proxy = await startTcpProxy({ host: '127.0.0.1', port: upstream.port });
    await using fleet = await open(once);
    await postponeNextStart(fleet, 900);
    const handle = await post(fleet, { url: `http://127.0.0.1:${proxy.port}/json` });
    // By now it has its connection: what it writes from here on waits in the proxy.
    await until(async () => (await permitsGranted(fleet)) === 1);
    proxy.stall();
    await until(() => isMarked(fleet, handle));
    await killAndUnlock(fleet, 'api', fleet.workers[0]!);
    await fleet.startWorker();
    expect((await handle.outcome()).outcome).toMatchObject({
      kind: 'ambiguous',
      attempts: 1,
      error: { code: 'SLUICE_AMBIGUOUS' },
    });
    proxy.cut();
    expect(await upstream.arrivals()).toEqual([]);
  });
});

test.each(['at-least-once', 'at-most-once'] as const)(
  'a POST delivered %s is retried only if it is proven that nothing happened',
  async (delivery) => {
    await using fleet = await open({ delivery, retry: { base: 10, jitter: 0, attempts: 2 } });
    const closed = `http://127.0.0.1:${await freePort()}/`;
    const cases: [path: string, tries: number, kind: string][] = [
      ['/status/429?times=1', 2, 'response'],
      ['/status/503?times=1&retryAfter=0', 2, 'response'],
      [closed, 2, 'network'],
      ['http://no-such-name.example.com/', 2, 'network'],
      ['/status/503?times=1', 1, 'http-error'],
      ['/status/500?times=1', 1, 'http-error'],
      ['/status/408?times=1', 1, 'http-error'],
      ['/reset', 1, 'network'],
      ['/reset?after=3', 1, 'network'],
      ['/hang', 1, 'timeout'],
      ['/hang-body', 1, 'timeout'],
    ];
    const ends = cases.map(async ([path]) => {
      const url = path.startsWith('/') ? upstream.url + path : path;
      const { outcome } = await (await post(fleet, { url, timeoutMs: 1500 })).outcome();
      return [path, outcome.attempts, outcome.kind];
    });
    expect(await Promise.all(ends)).toEqual(cases);
    const seen = (await upstream.arrivals()).map(({ path }) => path);
    const expected = cases
      .filter(([path]) => path.startsWith('/'))
      .flatMap(([path, tries]) => Array.from({ length: tries }, () => path));
    expect(seen.sort()).toEqual(expected.sort());
  },
);
