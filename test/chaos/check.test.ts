import { expect, test } from 'vitest';
import { check } from './check.ts';
import { planFaults } from './plan.ts';
import type { FaultRecord, ProducerRecord, RequestRecord, RunRecords } from './records.ts';
import { timelineSvg, timelineText } from './timeline.ts';

const start = 1_800_000_000_000;

/** A run of one GET that was answered at once; each test makes it worse. */
function goodRun(): RunRecords {
  return {
    rate: { limit: 2, perMs: 1000 },
    requests: [requestAt(100)],
    producers: [{ name: 'p1', killed: false, log: [made(), accepted(), settled()] }],
    faults: [],
    ends: new Map([['id-1', 1]]),
    outcomes: new Set(['id-1']),
    left: [],
    crashes: [],
  };
}

function made(changes: Partial<Extract<ProducerRecord, { e: 'job' }>> = {}): ProducerRecord {
  return { e: 'job', t: start, job: 'a', kind: 'get', script: 'ok', deadline: null, key: null, ...changes };
}
const accepted = (): ProducerRecord => ({ e: 'accepted', t: start + 10, job: 'a', id: 'id-1' });
function settled(changes: Partial<Extract<ProducerRecord, { e: 'settled' }>> = {}): ProducerRecord {
  return { e: 'settled', t: start + 200, job: 'a', kind: 'response', status: 200, attempts: 1, ...changes };
}
function requestAt(ms: number, changes: Partial<RequestRecord> = {}): RequestRecord {
  const t = start + ms;
  return {
    job: 'a',
    t,
    step: 'ok',
    end: 'answered',
    tEnd: t + 50,
    askedMs: 0,
    idempotencyKey: null,
    ...changes,
  };
}
function faultAt(ms: number, kind: FaultRecord['kind']): FaultRecord {
  return { kind, target: 'worker 1', start: start + ms, end: start + ms };
}

/** The run's only producer, with this log. */
function producer(...log: ProducerRecord[]) {
  return [{ name: 'p1', killed: false, log }];
}

const violated = (changes: Partial<RunRecords>) =>
  check({ ...goodRun(), ...changes }).violations.map(({ what }) => what);

test('a good run violates nothing', () => {
  expect(check(goodRun())).toMatchObject({ jobs: 1, accepted: 1, settled: 1, lost: 0, violations: [] });
});

test('an accepted job without an end is lost, also when its producer was killed', () => {
  const gone = {
    producers: producer(made(), accepted()),
    ends: new Map<string, number>(),
    outcomes: new Set<string>(),
  };
  expect(violated(gone)).toEqual(['an accepted job is lost', 'a handle never settled']);
  const orphaned = { ...gone, producers: [{ ...gone.producers[0]!, killed: true }] };
  expect(violated(orphaned)).toEqual(['an accepted job is lost']);
  expect(violated({ ...orphaned, outcomes: new Set(['id-1']) })).toEqual([]);
});

test('a handle that never settles is reported, although the job ended', () => {
  expect(violated({ producers: producer(made(), accepted()) })).toEqual(['a handle never settled']);
});

test('an end too many is reported', () => {
  expect(violated({ ends: new Map([['id-1', 2]]) })).toEqual(['a job ended more than once']);
  expect(violated({ producers: producer(made(), accepted(), settled(), settled()) })).toEqual([
    'a handle settled more than once',
  ]);
});

test('a job that is left, a crash, and a wait that threw are reported', () => {
  expect(violated({ left: ['chaos/x'] })).toEqual(['a job is still in the queue']);
  expect(violated({ crashes: ['worker 1'] })).toEqual(['a process ended by itself']);
  const broken: ProducerRecord = { e: 'broken', t: start, job: 'a', code: 'SLUICE_RESULT_EXPIRED' };
  expect(violated({ producers: producer(made(), accepted(), settled(), broken) })).toEqual([
    'a handle settled without an outcome',
  ]);
});

test('a job that failed although its upstream would have answered was failed wrongly', () => {
  const ending = (changes: Parameters<typeof settled>[0]) => ({
    producers: producer(made(), accepted(), settled(changes)),
  });
  expect(violated(ending({ kind: 'network', status: null }))).toEqual(['a job ended wrongly']);
  expect(violated(ending({ kind: 'ambiguous', status: null }))).toEqual(['a job ended wrongly']);
  expect(violated(ending({ status: 500 }))).toEqual(['a job ended wrongly']);
});

test('a second request is reported unless a fault can have caused it', () => {
  const requests = [requestAt(100), requestAt(2000)];
  expect(violated({ requests })).toEqual(['a request was made again, and no fault explains it']);
  expect(violated({ requests, faults: [faultAt(120, 'worker killed')] })).toEqual([]);
  expect(violated({ requests, faults: [faultAt(9000, 'worker killed')] })).toHaveLength(1);
  expect(violated({ requests, faults: [faultAt(120, 'producer killed')] })).toHaveLength(1);
  // What was answered had the time to be finished.
  expect(violated({ requests, faults: [faultAt(120, 'worker drained')] })).toHaveLength(1);
});

test('a second request after a rejection is not a duplicate; one before its wait is over is too early', () => {
  const refused = requestAt(100, { step: 'r429-2', askedMs: 2000 });
  expect(violated({ requests: [refused, requestAt(2160)] })).toEqual([]);
  expect(violated({ requests: [refused, requestAt(1500)] })).toEqual(['a wait was cut short']);
});

test('more duplicates than a fault can have caused are reported', () => {
  const requests = [requestAt(100), requestAt(700), requestAt(1300)];
  const faults = [faultAt(750, 'worker killed')];
  expect(violated({ requests, faults })).toEqual(['more duplicates than requests under way']);
});

test('one request too many in a window is reported', () => {
  const log = [made(), accepted(), settled()];
  const others = ['b', 'c'].flatMap((job) => log.map((record) => ({ ...record, job })));
  const requests = [requestAt(0), requestAt(400, { job: 'b' }), requestAt(900, { job: 'c' })];
  expect(violated({ requests, producers: producer(...log, ...others) })).toEqual(['the rate was exceeded']);
});

test('keys, deadlines and at-most-once are checked', () => {
  const log = (changes: Parameters<typeof made>[0]) => producer(made(changes), accepted(), settled());
  const twice = [
    requestAt(100, { step: 's500', idempotencyKey: 'x' }),
    requestAt(900, { idempotencyKey: 'y' }),
  ];
  expect(violated({ requests: twice })).toEqual(['the idempotency key changed']);
  expect(violated({ producers: log({ kind: 'post' }) })).toEqual(['a POST had no idempotency key']);
  expect(violated({ producers: log({ kind: 'post-key', key: 'mine' }) })).toEqual([
    "the caller's idempotency key was not sent",
  ]);
  expect(violated({ producers: log({ deadline: start - 500 }) })).toEqual([
    'a request was made after its deadline',
  ]);
  const once = { requests: [requestAt(100), requestAt(2000)], faults: [faultAt(120, 'worker killed')] };
  expect(violated({ ...once, producers: log({ kind: 'once' }) })).toEqual([
    'an at-most-once request was made twice',
  ]);
});

test('a seed decides the plan', () => {
  const plan = planFaults(7, 2, 5000);
  expect(planFaults(7, 2, 5000)).toEqual(plan);
  expect(planFaults(8, 2, 5000)).not.toEqual(plan);
  expect(plan.filter(({ kind }) => kind === 'worker killed').length).toBeGreaterThanOrEqual(20);
  expect(plan.every(({ at }) => at > 0 && at < 120_000)).toBe(true);
});

test('the timeline has a bar for the requests and a mark for each fault', () => {
  const records = {
    ...goodRun(),
    requests: [requestAt(0), requestAt(10_000)],
    faults: [faultAt(5000, 'redis killed')],
  };
  const text = timelineText(records, 60);
  expect(text).toMatch(/redis killed +·+×·+\n/);
  expect(text).toMatch(/requests .*▁? +.*\n/);
  expect(timelineSvg(records, 'seed 1').match(/class="fault"/g)).toHaveLength(1);
});
