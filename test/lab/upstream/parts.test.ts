import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { deserialize, serialize } from 'node:v8';
import { createGunzip, gunzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ArrivalColumns, ArrivalLog, toArrivals } from './arrivals.ts';
import { gzipBomb } from './bodies.ts';
import { SlidingLimit } from '../../../packages/cli/src/demo-upstream/sliding-limit.ts';

test('the sliding limit decides as a log of all requests would', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 200 });
  const limits = fc.integer({ min: 1, max: 8 });
  const pers = fc.integer({ min: 1, max: 100 });
  fc.assert(
    fc.property(gaps, limits, pers, fc.boolean(), (gaps, limit, perMs, refusedCount) => {
      const sliding = new SlidingLimit({ limit, perMs, refusedCount });
      const counted: number[] = [];
      let t = 0;
      for (const gap of gaps) {
        t += gap;
        const now = t;
        const refused = counted.filter((other) => now - other < perMs).length >= limit;
        if (!refused || refusedCount) counted.push(t);
        const freeAt = (counted.at(-limit) ?? -Infinity) + perMs;
        expect(sliding.take(t)).toBe(refused ? freeAt - t : 0);
      }
    }),
  );
});

test(
  'a million arrivals, each on its own path, are logged and cross a process boundary intact',
  { timeout: 120_000 },
  () => {
    const log = new ArrivalLog();
    const count = 1_000_000;
    for (let n = 0; n < count; n++) {
      const row = log.add({
        t: n / 10,
        method: 'GET',
        path: `/item/${n}`,
        refused: n % 3 === 0,
        socket: n % 200,
      });
      log.answered(row, 200);
    }
    const columns: ArrivalColumns = deserialize(serialize(log.columns(0)));
    expect(columns.t).toHaveLength(count);
    const arrivals = toArrivals(columns);
    expect(arrivals).toHaveLength(count);
    expect(arrivals[999_999]).toEqual({
      t: 99_999.9,
      epoch: 99_999.9,
      method: 'GET',
      path: '/item/999999',
      status: 200,
      refused: true,
      socket: 199,
    });
  },
);

test('the gzip bomb is a valid gzip of a thousandth of its size', async () => {
  expect(gunzipSync(gzipBomb(3)).equals(Buffer.alloc(3 * 2 ** 20))).toBe(true);
  const bomb = gzipBomb(64);
  expect(bomb.length).toBeLessThan(80_000);
  let unpacked = 0;
  const count = new Writable({
    write(chunk: Buffer, _, done) {
      unpacked += chunk.length;
      done();
    },
  });
  await pipeline(Readable.from([bomb]), createGunzip(), count);
  expect(unpacked).toBe(64 * 2 ** 20);
});
