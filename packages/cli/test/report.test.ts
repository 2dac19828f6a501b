import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import type { StreamItem } from '@sluice/producer';
import { resultLine } from '../src/run/output/result-line.ts';
import { OutputClosed, stdoutSink } from '../src/run/output/sink.ts';
import { lineDisplay, progressLine, timeText } from '../src/run/progress/display.ts';
import { Meter } from '../src/run/progress/meter.ts';
import { reason } from '../src/reason.ts';
import { summarize, summaryText } from '../src/run/summary.ts';
import { Tally } from '../src/run/tally.ts';

// Without the response and the error: the report is made from the data.
const item = (outcome: Partial<StreamItem['outcome']>, body: Uint8Array = new Uint8Array()) =>
  ({
    index: 4,
    id: 'id-4',
    spec: { url: 'http://a.example/4' },
    outcome: { kind: 'response', attempts: 1, endedAt: 0, durationMs: 12, ...outcome },
    body,
  }) as StreamItem;
const response = { status: 200, headers: {}, url: 'http://a.example/4' };

test('a result line says how the job ended', () => {
  expect(resultLine(item({ response }, Buffer.from('Grüße')), false)).toEqual({
    index: 4,
    id: 'id-4',
    url: 'http://a.example/4',
    outcome: 'response',
    status: 200,
    attempts: 1,
    durationMs: 12,
    bytes: 7,
  });
  const error = { code: 'SLUICE_TIMEOUT', message: 'too slow' } as const;
  expect(resultLine(item({ kind: 'timeout', attempts: 6, error }), true)).toMatchObject({
    outcome: 'timeout',
    status: null,
    attempts: 6,
    bytes: 0,
    error,
    body: '',
  });
});

test('a body is text where it is UTF-8, and base64 where it is not', () => {
  expect(resultLine(item({ response }, Buffer.from('Grüße')), true)).toMatchObject({ body: 'Grüße' });
  // A view into a larger buffer, as replies are.
  const bytes = Buffer.from([0x41, 0xff, 0x00, 0x42]).subarray(1, 3);
  const line = resultLine(item({ response }, bytes), true);
  expect(line).toMatchObject({ bodyBase64: '/wA=', bytes: 2 });
  expect(line).not.toHaveProperty('body');
});

test('the tally tells completed, failed and taken back apart', () => {
  const tally = new Tally();
  const error = { code: 'SLUICE_CANCELLED', message: '' } as const;
  expect(tally.add(item({ response: { ...response, status: 404 } }), false)).toBe(true);
  expect(
    tally.add(item({ kind: 'timeout', error: { code: 'SLUICE_TIMEOUT', message: 'slow' } }), false),
  ).toBe(true);
  expect(tally.add(item({ kind: 'timeout' }), false)).toBe(true);
  expect(tally.add(item({ kind: 'cancelled', attempts: 0, error }), true)).toBe(false);
  // Somebody else cancelled it.
  expect(tally.add(item({ kind: 'cancelled', attempts: 0, error }), false)).toBe(true);
  expect(tally).toMatchObject({ completed: 1, failed: 3, takenBack: 1 });

  const summary = summarize(10, tally, { sent: 12, rejected: 1 }, 2.5);
  expect(summary).toEqual({
    jobs: 10,
    completed: 1,
    failed: 3,
    requests: 12,
    rateLimited: 1,
    seconds: 2.5,
    requestsPerSecond: 4.8,
  });
  expect(summaryText(summary, tally).split('\n')).toEqual([
    '10 jobs: 1 completed, 3 failed, 6 not done; 12 requests in 2.5 s (4.8/s), 1 rate-limited',
    '  2 x timeout, the first at index 4: http://a.example/4: slow -- a longer --timeout gives slow answers time',
    '  1 x cancelled, the first at index 4: http://a.example/4: ',
  ]);
});

test('the meter tells the speed of now, and the time left at that speed', () => {
  const meter = new Meter();
  expect(meter.requestsPerSecond()).toBe(0);
  expect(meter.secondsLeft(5)).toBeNull();
  for (let second = 0; second <= 20; second++) meter.sample(second * 1000, second * 10, second * 5);
  expect(meter.requestsPerSecond()).toBe(10);
  expect(meter.secondsLeft(50)).toBe(10);
  expect(meter.secondsLeft(0)).toBe(0);
  // Held: nothing for four seconds.
  for (let second = 21; second <= 24; second++) meter.sample(second * 1000, 200, 100);
  expect(meter.requestsPerSecond()).toBe(0);
  expect(meter.secondsLeft(50)).toBeCloseTo(50 / 3);
});

test('progress is one line every few seconds where there is no terminal', () => {
  const stream = new PassThrough();
  let now = 0;
  const display = lineDisplay(stream, () => now);
  const progress = {
    total: 200,
    completed: 99,
    failed: 1,
    requestsPerSecond: 8.26,
    rateLimited: 2,
    secondsLeft: 75,
  };
  for (; now <= 11_000; now += 500) display.progress(progress);
  const line = '100/200 (50 %)  99 done, 1 failed, 8.3 requests/s, 2 x 429, 1 min 15 s left';
  expect(String(stream.read())).toBe(`${line}\n${line}\n`);
  expect(progressLine({ ...progress, secondsLeft: null })).not.toContain('left');
  expect([0.2, 59, 60, 3600, 7260].map(timeText)).toEqual([
    '1 s',
    '59 s',
    '1 min 0 s',
    '1 h 0 min',
    '2 h 1 min',
  ]);
});

test('writing waits for a slow reader, and a reader that has gone is told apart from a fault', async () => {
  let taken = 0;
  const slow = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => {
      taken += 1;
      setTimeout(done, 5);
    },
  });
  const sink = stdoutSink(slow);
  await sink.write('one');
  expect(taken).toBe(1);
  await sink.write('two');
  await sink.end();
  expect(taken).toBeGreaterThanOrEqual(2);

  const gone = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('x'), { code: 'EPIPE' })),
  });
  const closed = stdoutSink(gone);
  await closed.write('one').catch(() => {});
  await expect(closed.end()).rejects.toThrow(OutputClosed);
});

test('a system error is told without its code and call', () => {
  expect(reason(new Error("ENOENT: no such file or directory, open 'x'"))).toBe('no such file or directory');
  expect(reason(new Error('ENOSPC: no space left on device, write'))).toBe('no space left on device');
  expect(reason(new Error('something else'))).toBe('something else');
});
