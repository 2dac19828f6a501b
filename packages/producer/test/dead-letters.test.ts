import { expect, test } from 'vitest';
import {
  type Envelope,
  type OutcomeKind,
  decodeSettled,
  envelopeVersion,
  failedReason,
  settleCall,
} from '@sluice/shared';
import { Rig, until } from '../../worker/test/rig.ts';
import { deadLetterOf, redrivenData } from '../src/dead/dead-letter.ts';

const one: { attempts: number } = { attempts: 1 };
const failing = (rig: Rig, id: string, spec: object = {}) =>
  rig.sluice.enqueue({ url: rig.url('/status/500'), id, ...one, ...spec }, { queue: rig.queue });
const failedCount = (rig: Rig) => rig.redis.zcard(rig.keys.bull(rig.queue).failed);

/** Fails jobs with a pool that is gone afterwards, so that what is redriven waits. */
async function withFailed(ids: string[], spec: object = {}): Promise<Rig> {
  const rig = await Rig.open({ idle: true });
  const pool = await rig.startPool();
  for (const id of ids) await failing(rig, id, spec);
  await until(async () => (await failedCount(rig)) === ids.length);
  await pool.drain(0);
  return rig;
}

test('of twenty redrives at once one moves the job, which then is as new', async () => {
  await using rig = await withFailed(['a']);
  const { dead } = rig.sluice;
  const bull = rig.keys.bull(rig.queue);
  await rig.redis.set(rig.keys.cancel(rig.queue, 'a'), '1');
  const results = await Promise.all(Array.from({ length: 20 }, () => dead.redrive(rig.queue, 'a')));
  expect(results.map(({ redriven }) => redriven).reduce((sum, n) => sum + n)).toBe(1);
  expect(results.filter(({ skipped }) => skipped[0] === 'a')).toHaveLength(19);

  expect(await rig.redis.lrange(bull.wait, 0, -1)).toEqual(['a']);
  expect(await rig.redis.zcard(bull.failed)).toBe(0);
  expect(await rig.redis.exists(rig.keys.outcome(rig.queue, 'a'), rig.keys.cancel(rig.queue, 'a'))).toBe(0);
  const fields = Object.keys(await rig.redis.hgetall(bull.job('a')));
  expect(fields.sort()).toEqual(['data', 'delay', 'name', 'opts', 'priority', 'timestamp']);
  const envelope = JSON.parse((await rig.redis.hget(bull.job('a'), 'data'))!) as Envelope;
  expect(envelope).toMatchObject({
    v: envelopeVersion,
    attempts: 1,
    redrives: [{ attempts: 1, reason: expect.stringMatching(/^SLUICE_HTTP_ERROR: /) as string }],
  });

  await rig.startPool();
  await until(async () => (await failedCount(rig)) === 1);
  expect(await rig.seen()).toEqual(['GET /status/500', 'GET /status/500']);
  const letter = await dead.get(rig.queue, 'a');
  expect(letter).toMatchObject({ attempts: 1, outcome: { kind: 'http-error' }, redrives: [{ attempts: 1 }] });
});

test('a worker that sleeps is woken by a redrive, in a queue with priorities, too', async () => {
  await using rig = await Rig.open();
  const jobs = ['late', 'soon'].map((id) => ({ id, priority: id === 'late' ? 9 : 3 }));
  for (const { id, priority } of jobs) await failing(rig, id, { priority });
  await until(async () => (await failedCount(rig)) === 2);
  await rig.sluice.queues.pause(rig.queue);
  expect(await rig.sluice.dead.redrive(rig.queue, { all: true })).toEqual({
    redriven: 2,
    skipped: [],
    ambiguous: [],
  });
  const { prioritized, marker } = rig.keys.bull(rig.queue);
  expect(await rig.redis.zrange(prioritized, 0, '-1')).toEqual(['soon', 'late']);
  expect(await rig.redis.exists(marker)).toBe(0);
  await rig.sluice.queues.resume(rig.queue);
  await until(async () => (await failedCount(rig)) === 2);

  const start = performance.now();
  await rig.sluice.dead.redrive(rig.queue, 'late');
  await rig.arrived(5);
  // One that is not woken looks for jobs every 5 s.
  expect(performance.now() - start).toBeLessThan(4500);
});

test('a deadline that passed is dropped, one to come is kept and still ends the job', async () => {
  await using rig = await Rig.open({ policy: { rate: '1/1h' } });
  const deadline = Date.now() + 700;
  await (await failing(rig, 'first')).outcome();
  const expired = await failing(rig, 'expired', { deadline });
  expect((await expired.outcome()).outcome.kind).toBe('expired');
  await until(async () => (await failedCount(rig)) === 2);

  const letter = (await rig.sluice.dead.get(rig.queue, 'expired'))!;
  const { body: _body, ...shown } = letter;
  expect(shown).toMatchObject({ code: 'SLUICE_EXPIRED', attempts: 0, outcome: { kind: 'expired' } });
  expect(redrivenData(letter, deadline + 1)).toMatchObject({ deadline: null });
  expect(redrivenData(letter, deadline - 1)).toMatchObject({ deadline });
  await rig.sluice.dead.redrive(rig.queue, 'expired');
  expect(await rig.redis.zcard(rig.keys.deadlines(rig.queue))).toBe(0);
  expect(await rig.sluice.job('expired', { queue: rig.queue }).status()).toBe('waiting');
});

test('an at-most-once job that was redriven is sent again: its former marks are gone', async () => {
  await using rig = await withFailed(['a'], { method: 'POST', delivery: 'at-most-once' });
  // As a worker leaves it that dies before it can take it away.
  await rig.redis.hset(rig.keys.sent(rig.queue, 'a'), '0', 'token');
  await rig.sluice.dead.redrive(rig.queue, 'a');
  expect(await rig.redis.exists(rig.keys.sent(rig.queue, 'a'))).toBe(0);
  await rig.startPool();
  await until(async () => (await failedCount(rig)) === 1);
  expect((await rig.sluice.dead.get(rig.queue, 'a'))!.code).toBe('SLUICE_HTTP_ERROR');
});

test('the list goes on from its cursor, though jobs fail and leave meanwhile, also many in one millisecond', async () => {
  await using rig = await Rig.open({ idle: true });
  const { failed, job } = rig.keys.bull(rig.queue);
  const put = async (id: string, at: number, code = 'SLUICE_TIMEOUT') => {
    await rig.redis.hset(job(id), {
      data: '{}',
      failedReason: failedReason({ code, message: 'x' }),
      atm: 1,
      timestamp: 1,
    });
    await rig.redis.zadd(failed, at, id);
  };
  const name = (n: number) => `j${String(n).padStart(4, '0')}`;
  await Promise.all(Array.from({ length: 1300 }, (_, n) => put(name(n), n < 1200 ? 5 : 6 + n)));
  const { dead } = rig.sluice;
  const ids: string[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await dead.list(rig.queue, { limit: 130, ...(cursor && { cursor }) });
    ids.push(...page.letters.map(({ id }) => id));
    cursor = page.cursor;
    await put(`later${ids.length}`, 10_000 + ids.length);
    if (ids.length === 260) await rig.redis.zrem(failed, ids[3]!);
  } while (cursor !== null);
  expect(ids).toEqual(Array.from({ length: 1300 }, (_, n) => name(1299 - n)));

  await put('other', 7, 'SLUICE_BLOCKED');
  // It lies behind more than a call looks at.
  const none = await dead.list(rig.queue, { code: 'SLUICE_BLOCKED', limit: 1 });
  expect(none).toMatchObject({ letters: [{ id: 'other', code: 'SLUICE_BLOCKED' }] });
  await expect(dead.list(rig.queue, { cursor: 'nonsense' })).rejects.toMatchObject({
    code: 'SLUICE_INVALID_SPEC',
  });
});

test('purge takes the old ones only, and none that waits again', async () => {
  await using rig = await withFailed(['old', 'young', 'back']);
  const { dead } = rig.sluice;
  const { failed, job } = rig.keys.bull(rig.queue);
  await rig.redis.zadd(failed, Date.now() - 7_200_000, 'old');
  expect(await dead.purge(rig.queue, { olderThanMs: 3_600_000 })).toBe(1);
  expect((await dead.list(rig.queue)).letters.map(({ id }) => id).sort()).toEqual(['back', 'young']);
  await dead.redrive(rig.queue, 'back');
  expect(await dead.purge(rig.queue, { ids: ['back', 'young', 'unknown'] })).toBe(1);
  expect(await rig.redis.exists(job('back'))).toBe(1);
  expect(await rig.redis.exists(job('young'), rig.keys.outcome(rig.queue, 'young'))).toBe(0);
});

test('what no worker can read is kept as it is, and not sent back', async () => {
  await using rig = await Rig.open({ idle: true });
  const { failed, job } = rig.keys.bull(rig.queue);
  await rig.redis.hset(job('raw'), { data: '{"v":1', failedReason: 'SLUICE_POISON: no JSON' });
  await rig.redis.zadd(failed, 5, 'raw');
  expect(await rig.sluice.dead.get(rig.queue, 'raw')).toMatchObject({
    spec: null,
    data: '{"v":1',
    code: 'SLUICE_POISON',
  });
  expect(await rig.sluice.dead.redrive(rig.queue, { all: true })).toEqual({
    redriven: 0,
    skipped: ['raw'],
    ambiguous: [],
  });
});

test('a letter keeps the outcome of a failure; of a large body only the size', () => {
  const kept = (kind: OutcomeKind, bytes: number) => {
    const outcome = { kind, attempts: 1, endedAt: 1, durationMs: 1 };
    const body = new Uint8Array(bytes);
    return settleCall({ queue: 'q', id: 'a', token: 't' }, null, { outcome, body }).args.letter;
  };
  expect(kept('response', 10)).toBe('');
  expect(kept('http-error', 65_536)).toBe('1');
  const settled = decodeSettled(kept('http-error', 65_537) as Buffer);
  expect(settled).toMatchObject({
    outcome: { kind: 'http-error', bodyLeftOut: 65_537 },
    body: { length: 0 },
  });
});

test('the list of redrives is bounded, a batch is left, and the rest of the data is kept', () => {
  const data = {
    v: 9,
    req: { url: 'http://a.test/', method: 'GET', headers: {} },
    batch: { name: 'b', index: 3 },
    later: { field: [1.5] },
    redrives: Array.from({ length: 20 }, (_, at) => ({ at, attempts: 1, reason: 'x' })),
  };
  const fields = {
    data: JSON.stringify(data),
    failedReason: 'SLUICE_TIMEOUT: x',
    timestamp: '1',
    attemptsMade: '6',
    priority: '0',
    outcome: null,
  };
  const letter = deadLetterOf('q', 'a', 5, fields);
  const next = JSON.parse(redrivenData(letter, 77)!.data) as Record<string, unknown> & { redrives: object[] };
  expect(next).toMatchObject({ v: 9, later: { field: [1.5] }, keepMs: 3_600_000 });
  expect(next['batch']).toBeUndefined();
  expect(next.redrives).toHaveLength(20);
  expect(next.redrives.at(-1)).toEqual({ at: 77, attempts: 6, reason: 'SLUICE_TIMEOUT: x' });
});

test('a job that may have been performed is sent back only by whoever says so', async () => {
  await using rig = await Rig.open({ idle: true, policy: { delivery: 'at-most-once' } });
  const pool = await rig.startPool();
  const { id } = await rig.sluice.enqueue({ url: rig.url('/hang'), method: 'POST', body: 'x', id: 'a' });
  await rig.sluice.enqueue({ url: rig.url('/status/500'), id: 'b' });
  await rig.arrived(2);
  await until(async () => (await failedCount(rig)) === 1);
  await pool.drain(0);
  const next = await rig.startPool();
  await until(async () => (await failedCount(rig)) === 2);
  await next.drain(0);

  const { dead } = rig.sluice;
  const { letters } = await dead.list(rig.queue);
  expect(letters.map((letter) => [letter.id, letter.kind])).toEqual([
    ['a', 'ambiguous'],
    ['b', 'http-error'],
  ]);
  const left = { redriven: 0, skipped: [], ambiguous: ['a'] };
  expect(await dead.redrive(rig.queue, id)).toEqual(left);
  expect(await dead.redrive(rig.queue, { all: true })).toEqual({ ...left, redriven: 1 });
  expect(await rig.redis.zrange(rig.keys.bull(rig.queue).failed, 0, '-1')).toEqual(['a']);
  expect(await dead.redrive(rig.queue, id, { ambiguous: true })).toEqual({
    redriven: 1,
    skipped: [],
    ambiguous: [],
  });
});

test('a cancelled job that an older worker left among the failed ones is none: it goes, and is not sent again', async () => {
  await using rig = await withFailed(['broken', 'by-name', 'by-all']);
  const { dead } = rig.sluice;
  const bull = rig.keys.bull(rig.queue);
  for (const id of ['by-name', 'by-all']) {
    await rig.redis.hset(bull.job(id), 'failedReason', 'SLUICE_CANCELLED: the job was cancelled');
  }
  const { letters } = await dead.list(rig.queue);
  expect(letters.map(({ id }) => id)).toEqual(['broken']);
  expect(await dead.get(rig.queue, 'by-name')).toBeNull();
  expect(await dead.redrive(rig.queue, 'by-name')).toMatchObject({ redriven: 0, skipped: ['by-name'] });
  expect(await dead.redrive(rig.queue, { all: true })).toEqual({ redriven: 1, skipped: [], ambiguous: [] });
  expect(await rig.redis.lrange(bull.wait, 0, -1)).toEqual(['broken']);
  expect(await failedCount(rig)).toBe(0);
  expect(await rig.redis.exists(bull.job('by-name'), bull.job('by-all'))).toBe(0);
});

test('a job that is cancelled while it runs leaves no dead letter', async () => {
  await using rig = await Rig.open();
  const handle = await rig.sluice.enqueue(rig.url('/hang'));
  await rig.arrived(1);
  expect(await handle.cancel()).toBe('cancelling');
  await until(async () => (await rig.bull.getJobState(handle.id)) === 'unknown');
  expect(await failedCount(rig)).toBe(0);
  expect(await rig.sluice.dead.list(rig.queue)).toEqual({ letters: [], cursor: null, examined: 0 });
});
