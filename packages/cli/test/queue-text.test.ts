import { expect, test } from 'vitest';
import type { QueueState, WorkerRecord } from '@sluice/producer';
import { type PolicyInput, policySchema } from '@sluice/shared';
import { readRedisOptions } from '../src/fleet-options.ts';
import { listText, showText, stateText } from '../src/queue/show-text.ts';
import { differenceLines, updateText } from '../src/queue/policy-text.ts';
import { table } from '../src/text/table.ts';
import { numberText, sizeText, timeText } from '../src/text/units.ts';

const now = Date.parse('2027-01-01T00:00:00Z');

const policy = (input: PolicyInput) => policySchema.parse(input);

const state = (change: Partial<QueueState> = {}): QueueState => ({
  name: 'partner',
  policy: policy({ rate: '100/60s', origin: 'https://api.test' }),
  paused: false,
  gate: { max: 1, duration: 601 },
  paceMs: 600.3,
  slowedTo: null,
  holds: [],
  gateOpensInMs: 0,
  counts: { waiting: 0, active: 0, delayed: 0, failed: 0 },
  sent: 0,
  rejected: 0,
  ...change,
});

const worker = (version: string): WorkerRecord => ({
  id: version,
  pid: 1,
  version,
  queues: '*',
  honours: [],
  since: 1,
});

test('columns are as wide as their widest cell, and no line ends in spaces', () => {
  expect(
    table(
      [
        ['a', '1', ''],
        ['bbb', '20', 'x'],
        ['', '', ''],
      ],
      [1],
    ),
  ).toBe('a     1\nbbb  20  x\n\n');
});

test('times, sizes and numbers are short', () => {
  expect([0.4, 850, 12_345, 65_000, 120_000, 11_520_000, 90_000_000].map(timeText)).toEqual([
    '1ms',
    '850ms',
    '12.3s',
    '1m 5s',
    '2m',
    '3h 12m',
    '1d 1h',
  ]);
  expect([1, 1000, 1024, 10 * 2 ** 20, 2 ** 30].map(sizeText)).toEqual([
    '1',
    '1000',
    '1KiB',
    '10MiB',
    '1GiB',
  ]);
  expect([0, 0.001234, 1.5, 16.6667, 99.99, 1234.5].map(numberText)).toEqual([
    '0',
    '0.00123',
    '1.5',
    '16.7',
    '100',
    '1235',
  ]);
});

test('a difference is written as a policy is: with its path and units', () => {
  const before = policy({ rate: '100/60s', maxBody: '1MiB', retry: { statuses: [429] } });
  const after = policy({
    rate: '50/60s',
    timeout: '5s',
    retry: { statuses: [429, 503] },
    egress: { ports: [443], allow: ['10.0.0.0/8'] },
  });
  expect(differenceLines(before, after).sort()).toEqual([
    'egress.allow: none -> 10.0.0.0/8',
    'egress.ports: none -> 443',
    'maxBody: 1MiB -> 10MiB',
    'rate: 100/60s -> 50/60s',
    'retry.statuses: 429 -> 429, 503',
    'timeout: 30s -> 5s',
  ]);
  expect(differenceLines(before, before)).toEqual([]);
  expect(differenceLines(policy({}), policy({ rate: { limit: 1, per: '1s', shape: 'fixed' } }))).toEqual([
    'rate: none -> 1/1s',
  ]);
  // The same rate in another unit.
  expect(differenceLines(policy({ rate: '100/60s' }), policy({ rate: '100/min' }))).toEqual([]);
});

test('a burst is shown where one of the two is not the limit, and then both as numbers', () => {
  const [even, full] = [{ limit: 100, per: '60s', burst: 1 }, '100/60s'];
  expect(differenceLines(policy({ rate: even }), policy({ rate: full }))).toEqual(['rate.burst: 1 -> 100']);
  expect(differenceLines(policy({ rate: full }), policy({ rate: even }))).toEqual(['rate.burst: 100 -> 1']);
  expect(differenceLines(policy({ rate: full }), policy({ rate: '50/60s' }))).toEqual([
    'rate: 100/60s -> 50/60s',
  ]);
});

test('an update says what it did', () => {
  const [none, some] = [policy({}), policy({ rate: '5/s' })];
  expect(updateText('a', { change: 'created', before: null, after: some })).toBe('a: created (5/s)\n');
  expect(updateText('a', { change: 'same', before: some, after: some })).toBe('a: same\n');
  expect(updateText('a', { change: 'changed', before: some, after: none })).toBe(
    'a: changed\n  rate: 5/s -> none\n',
  );
});

test('the state of a queue is what keeps it from being worked on', () => {
  const holds = [{ origin: 'https://api.test', forMs: 12_000 }];
  const waiting = { waiting: 3, active: 0, delayed: 0, failed: 0 };
  expect(stateText(state())).toBe('open');
  expect(stateText(state({ paused: true, holds }))).toBe('paused');
  expect(stateText(state({ holds }))).toBe('held 12s');
  expect(stateText(state({ holds: [{ origin: 'https://other.test', forMs: 5 }] }))).toBe('open, 1 held');
  expect(stateText(state({ gateOpensInMs: 3_000_000, counts: waiting }))).toBe('closed 50m');
  expect(stateText(state({ gateOpensInMs: 400, counts: waiting }))).toBe('open');
});

test('show has everything an operator asks for', () => {
  const text = showText(
    state({
      slowedTo: { perSecond: 0.8, ceilingPerSecond: 1.2345 },
      holds: [
        { origin: 'https://api.test', forMs: 12_345 },
        { origin: 'https://other.test', forMs: 90_000 },
      ],
      gateOpensInMs: 450,
      counts: { waiting: 10, active: 3, delayed: 2, failed: 1 },
      sent: 1000,
      rejected: 25,
    }),
    [worker('0.2.0'), worker('0.1.9'), worker('0.2.0')],
    now,
  );
  const summary = text.slice(0, text.indexOf('policy\n'));
  expect(summary).toBe(
    [
      'queue        partner',
      'state        held 12.3s',
      'rate         100/60s',
      'slowed to    0.8/s; the upstream rejected requests at 1.23/s',
      'gate         1 job per 601 ms, a permit every 600 ms, opens in 450ms',
      'holds        https://api.test until 2027-01-01T00:00:12Z (in 12 s)',
      '             https://other.test until 2027-01-01T00:01:30Z (in 90 s)',
      'jobs         10 waiting, 3 active, 2 delayed, 1 failed',
      'requests     1000 sent, 25 rejected (2.5 % of those sent)',
      "concurrency  each worker's own in a worker, any number in the fleet",
      'workers      3 serve it (1 of 0.1.9, 2 of 0.2.0)',
      '',
    ].join('\n'),
  );
  expect(text).toMatch(/^ {2}retry\.attempts +6$/m);
  expect(text).toMatch(/^ {2}maxHold +15m$/m);
});

test('show says which workers serve the queue, and what to start when none does', () => {
  expect(showText(state(), [worker('0.2.0')], now)).toMatch(/^workers +1 serves it \(0\.2\.0\)$/m);
  expect(showText(state(), [], now)).toMatch(/^workers +none has announced itself .* npx sluice worker$/m);
});

test('show lists the ports that are blocked where requests may go inside and none are named', () => {
  const shown = (egress: PolicyInput['egress']) => showText(state({ policy: policy({ egress }) }), [], now);
  for (const egress of [{ allow: ['10.0.0.0/8'] }, { allowHosts: ['*.corp.internal'] }]) {
    const text = shown(egress);
    expect(text).toMatch(/^ports +blocked unless egress\.ports lists them/m);
    for (const port of [2375, 3306, 5432, 6379, 9200, 10250, 11211, 27017])
      expect(text).toMatch(new RegExp(`[ ,]${port}(,|$)`, 'm'));
    expect(shown({ ...egress, ports: [443, 9200] })).not.toMatch(/^ports/m);
  }
  expect(shown({})).not.toMatch(/^ports/m);
});

test('a list has one line a queue', () => {
  const lines = listText([
    state(),
    state({ name: 'x', policy: policy({}), paused: true, sent: 123_456 }),
  ]).split('\n');
  expect(lines).toEqual([
    'QUEUE    RATE     STATE   WAITING  ACTIVE  DELAYED  FAILED    SENT  REJECTED',
    'partner  100/60s  open          0       0        0       0       0         0',
    'x        none     paused        0       0        0       0  123456         0',
    '',
  ]);
});

test('an option beats its variable, and a fault names where it came from', () => {
  const env = { SLUICE_REDIS_URL: 'redis://env:1', SLUICE_PREFIX: '' };
  expect(readRedisOptions({}, {})).toEqual({ redis: 'redis://127.0.0.1:6379', prefix: '{sluice}' });
  expect(readRedisOptions({}, env)).toEqual({ redis: 'redis://env:1', prefix: '{sluice}' });
  expect(readRedisOptions({ redis: 'redis://a:1', prefix: '{b}' }, env)).toEqual({
    redis: 'redis://a:1',
    prefix: '{b}',
  });
  expect(() => readRedisOptions({}, { SLUICE_REDIS_URL: 'nonsense' })).toThrow(
    /^SLUICE_REDIS_URL: must be a URL/,
  );
  expect(() => readRedisOptions({ prefix: 'x' }, env)).toThrow(/^--prefix: must begin with a hash tag/);
});
