import { describe, expect, test } from 'vitest';
import type { Outcome } from '@sluice/shared';
import { Rig, type RigOptions, until } from './rig.ts';

/** The data of a job for a path of the upstream, as another program might write it. */
const data = (rig: Rig, change: Record<string, unknown> = {}, req: Record<string, unknown> = {}) => ({
  v: 1,
  req: { url: rig.url('/echo'), method: 'GET', headers: {}, ...req },
  at: Date.now(),
  keepMs: 60_000,
  ...change,
});

const failed = async (rig: Rig, id: string) =>
  (await rig.redis.zscore(rig.keys.bull(rig.queue).failed, id)) !== null;

/** Resolves when a job is among the dead letters. */
async function deadLetter(rig: Rig, id: string): Promise<Record<string, string>> {
  await until(() => failed(rig, id));
  return await rig.redis.hgetall(rig.keys.bull(rig.queue).job(id));
}

const nested = (deep: number) => JSON.parse('['.repeat(deep) + ']'.repeat(deep)) as unknown;

describe('a job of another writer that is out of bounds', () => {
  test('is not sent: it is a dead letter with its raw data, and its caller is told', async () => {
    await using rig = await Rig.open({ upstream: { keepHeaders: true } });
    const changes: Record<string, unknown>[] = [
      ...[1.5, 0, -1, 1e300, 2 ** 53, '60000', null].map((keepMs) => ({ keepMs })),
      ...[2 ** 31, 0, -5, 0.5, 3_600_001].map((timeoutMs) => ({ timeoutMs })),
      ...[0, 101, 1e9, 1.5].map((attempts) => ({ attempts })),
      ...[-1, 0.5, 2 ** 53, 1e300].map((deadline) => ({ deadline })),
      ...['', '..', 'a/b', 'x'.repeat(101), '{a}'].map((name) => ({ batch: { name, index: 0 } })),
      ...[-1, 0.5].map((index) => ({ batch: { name: 'b', index } })),
      ...['', 'a b', 'x'.repeat(129), 'a\u0000'].map((replyTo) => ({ replyTo })),
      ...[2049, 3000, 100_000].map((deep) => ({ meta: nested(deep) })),
      { meta: 'x'.repeat(4095) },
      { transform: '' },
    ];
    const written = changes.map((change, index) => {
      const id = `out-${index}`;
      // As text: deeper than JSON.stringify goes.
      const text =
        'meta' in change && typeof change['meta'] !== 'string' ? deepText(rig, change['meta']) : null;
      return { id, text: text ?? JSON.stringify(data(rig, change)) };
    });
    const { wait, marker, job } = rig.keys.bull(rig.queue);
    for (const { id, text } of written) {
      await rig.redis.hset(job(id), { name: 'fetch', data: text, opts: '{}', timestamp: '1' });
      await rig.redis.lpush(wait, id);
    }
    await rig.redis.zadd(marker, 0, '0');
    for (const { id, text } of written) {
      const letter = await deadLetter(rig, id);
      expect(`${text.slice(0, 200)} ${letter['failedReason']}`).toContain(
        'SLUICE_POISON: the job cannot be read: ',
      );
      expect(letter['data']).toBe(text);
      expect((await rig.sluice.job(id).outcome()).outcome).toMatchObject({ kind: 'poison', attempts: 0 });
    }
    expect(await rig.upstream.arrivals()).toEqual([]);
    // And whoever comes after is served.
    expect((await rig.end('/json')).outcome.kind).toBe('response');
  });

  function deepText(rig: Rig, meta: unknown): string {
    let deep = 0;
    for (let at = meta; Array.isArray(at); at = at[0]) deep += 1;
    return JSON.stringify(data(rig, { meta: 'META' })).replace('"META"', '['.repeat(deep) + ']'.repeat(deep));
  }
});

describe('a request of another writer', () => {
  const open = (options: RigOptions = {}) => Rig.open({ upstream: { keepHeaders: true }, ...options });

  async function sent(
    rig: Rig,
    id: string,
    req: Record<string, unknown>,
  ): Promise<{ outcome: Outcome; text: string }> {
    await rig.addRaw(id, data(rig, {}, req));
    const { outcome, body } = await rig.sluice.job(id).outcome();
    return { outcome, text: new TextDecoder().decode(body) };
  }

  test.each([
    ['host', { headers: { host: 'internal-admin.corp' } }, 'the header "host" belongs to the connection'],
    ['Host', { headers: { Host: 'internal-admin.corp' } }, 'the header "host" belongs to the connection'],
    [
      'a proxy',
      { headers: { 'Proxy-Authorization': 'Basic eA==' } },
      'the header "proxy-authorization" belongs',
    ],
    ['te', { headers: { te: 'trailers' } }, 'the header "te" belongs to the connection'],
    [
      'framing',
      { method: 'POST', headers: { 'transfer-encoding': 'chunked' } },
      '"transfer-encoding" belongs',
    ],
    ['a split', { headers: { 'x-a': 'b\r\nhost: c' } }, 'the header "x-a" has a character'],
    ['no name', { headers: { 'x a': 'b' } }, 'the header "x a" is not a header name'],
    [
      'thrice',
      { headers: { 'X-One': '1', 'x-one': '2', 'X-ONE': '3' } },
      'the header "x-one" is given more than once',
    ],
    ['a GET with a body', { body: 'x' }, 'a GET request has no body'],
    ['a HEAD with a body', { method: 'HEAD', body: 'eA==', base64: true }, 'a HEAD request has no body'],
  ])('with %s is blocked, and nothing leaves', async (_, req, because) => {
    await using rig = await open();
    const { outcome } = await sent(rig, 'bad', req);
    expect(outcome).toMatchObject({ kind: 'blocked', attempts: 0, error: { code: 'SLUICE_BLOCKED' } });
    expect(outcome.error!.message).toContain(because);
    expect((await deadLetter(rig, 'bad'))['failedReason']).toMatch(/^SLUICE_BLOCKED: /);
    expect(await rig.upstream.arrivals()).toEqual([]);
  });

  test('with many faults names the first three', async () => {
    await using rig = await open();
    const headers = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`proxy-${index}`, 'x']));
    const { outcome } = await sent(rig, 'bad', { headers });
    expect(outcome.error!.message).toMatch(/"proxy-0".*"proxy-1".*"proxy-2".*; and 497 more$/);
  });

  test('with an id that is not a header value is not sent with it as its key', async () => {
    await using rig = await open();
    const { outcome } = await sent(rig, 'ключ', { method: 'POST' });
    expect(outcome).toMatchObject({ kind: 'blocked', attempts: 0 });
    expect((await sent(rig, 'ключ-2', {})).outcome.kind).toBe('response');
  });

  test('is sent with its header names in lower case, which is how they are looked up', async () => {
    await using rig = await open();
    const headers = { 'X-Trace': 'a', 'Idempotency-Key': 'mine', ACCEPT: 'text/plain' };
    const { outcome, text } = await sent(rig, 'good', { method: 'POST', headers, body: 'x' });
    expect(outcome.kind).toBe('response');
    const lines = (JSON.parse(text) as { headers: Record<string, string> }).headers;
    expect(lines).toMatchObject({ 'x-trace': 'a', 'idempotency-key': 'mine', accept: 'text/plain' });

    // A key of the caller's own, in whichever case, lets a POST be repeated.
    const url = rig.url('/status/500?times=1');
    const again = await sent(rig, 'again', { url, method: 'POST', headers });
    expect(again.outcome).toMatchObject({ kind: 'response', attempts: 2 });
  });
});

describe('an end that Redis does not accept', () => {
  /** What another program left in the place of a key that the end is written to. */
  const obstacles: [name: string, change: Record<string, unknown>, lay: (rig: Rig) => Promise<unknown>][] = [
    [
      'the reply stream is not a stream',
      { replyTo: 'me' },
      (rig) => rig.redis.set(rig.keys.replies('me'), 'x'),
    ],
    [
      'the batch is not a stream',
      { batch: { name: 'b', index: 0 } },
      (rig) => rig.redis.set(rig.keys.batch('b'), 'x'),
    ],
    [
      "the batch's state is not a hash",
      { batch: { name: 'b', index: 0 } },
      (rig) => rig.redis.set(rig.keys.batchState('b'), 'x'),
    ],
    [
      "the batch's TTL is not a number",
      { batch: { name: 'b', index: 0 } },
      (rig) => rig.redis.hset(rig.keys.batchState('b'), 'ttl', 'soon'),
    ],
    [
      'the set of watchers is not a set',
      {},
      (rig) => rig.redis.set(rig.keys.watchers(rig.queue, 'odd'), 'x'),
    ],
    ['the deadlines are not a sorted set', {}, (rig) => rig.redis.set(rig.keys.deadlines(rig.queue), 'x')],
  ];

  test.each(obstacles)('is a dead letter, sent once: %s', async (_name, change, lay) => {
    await using rig = await Rig.open();
    await lay(rig);
    const job = data(rig, { delivery: 'at-most-once', ...change }, { method: 'POST' });
    await rig.addRaw('odd', job);
    const letter = await deadLetter(rig, 'odd');
    expect(letter['failedReason']).toMatch(/^SLUICE_POISON: its end cannot be stored: (WRONGTYPE|ERR) /);
    expect(JSON.parse(letter['data']!)).toEqual(job);
    expect(letter['atm']).toBe('1');
    expect(await rig.sluice.job('odd').status()).toBe('failed');
    expect(await rig.bull.getJobCounts('wait', 'active', 'delayed')).toEqual({
      wait: 0,
      active: 0,
      delayed: 0,
    });
    expect(await rig.upstream.arrivals()).toHaveLength(1);
  });

  test('can be read by the id if only its addressee is at fault', async () => {
    await using rig = await Rig.open();
    await rig.redis.set(rig.keys.replies('me'), 'x');
    await rig.addRaw('odd', data(rig, { replyTo: 'me' }));
    await deadLetter(rig, 'odd');
    const { outcome } = await rig.sluice.job('odd').outcome();
    expect(outcome).toMatchObject({ kind: 'poison', attempts: 1 });
    expect(outcome.error!.message).toContain('WRONGTYPE');
  });

  test('of a job whose deadline passed does not keep the sweep from others', async () => {
    await using rig = await Rig.open();
    await rig.sluice.queues.pause(rig.queue);
    await rig.redis.set(rig.keys.replies('me'), 'x');
    const past = Date.now() - 1000;
    await rig.addRaw('odd', data(rig, { replyTo: 'me', deadline: past }));
    await rig.addRaw('next', data(rig, { deadline: past }));
    await rig.redis.zadd(rig.keys.deadlines(rig.queue), 1, 'odd', 2, 'next');
    for (const id of ['odd', 'next']) {
      expect((await deadLetter(rig, id))['failedReason']).toMatch(/^SLUICE_EXPIRED: /);
      expect((await rig.sluice.job(id).outcome()).outcome.kind).toBe('expired');
    }
  });
});
