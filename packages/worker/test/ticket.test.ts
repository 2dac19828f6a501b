import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import { policySchema } from '@sluice/shared';
import { startTcpProxy } from '../../../test/lab/faults/tcp-proxy.ts';
import { startRawUpstream } from './raw-upstream.ts';
import { Holds } from '../src/limits/holds.ts';
import { Permits } from '../src/limits/permits.ts';
import { Ticket, type TicketContext } from '../src/limits/ticket.ts';
import { AttemptTimer } from '../src/http/attempt-timer.ts';
import { createLogger } from '../src/logger.ts';
import { Rig, quick, until } from './rig.ts';

/** A URL in whose TLS handshake a worker stays: what it does there, it does before the first byte. */
const silent = ({ url }: { url: string }) => `${url.replace('http:', 'https:')}/`;

test('a worker that is stopped while it connects leaves no send mark: the next one sends the job', async () => {
  await using upstream = await startRawUpstream();
  const url = silent(upstream);
  await using rig = await Rig.open({ idle: true, policy: { delivery: 'at-most-once', retry: quick } });
  const pool = await rig.startPool();
  const { id } = await rig.sluice.enqueue({ url, method: 'POST', body: 'x' });
  await until(() => upstream.connections === 1);
  await pool.drain(0);
  expect(await rig.redis.hgetall(rig.keys.sent(rig.queue, id))).toEqual({});
  expect(await rig.bull.getJobState(id)).toBe('waiting');
  await rig.startPool();
  await until(() => upstream.connections === 2);
  await rig.sluice.job(id).cancel();
});

test('a job that is cancelled while it connects has sent nothing, and pays nothing', async () => {
  await using upstream = await startRawUpstream();
  const url = silent(upstream);
  await using rig = await Rig.open();
  const handle = await rig.sluice.enqueue({ url });
  await until(() => upstream.connections === 1);
  await handle.cancel();
  expect((await handle.outcome()).outcome).toMatchObject({ kind: 'cancelled' });
  const { limiter } = rig.keys.bull(rig.queue);
  await until(async () => (await rig.redis.hget(rig.keys.stats(rig.queue), 'sent')) === '0');
  expect((await rig.redis.get(limiter)) ?? '0').toBe('0');
});

test('a POST that timed out before its first byte is retried: nothing was sent', async () => {
  await using upstream = await startRawUpstream();
  const url = silent(upstream);
  await using rig = await Rig.open({ policy: { timeout: 50, retry: { ...quick, attempts: 2 } } });
  const { outcome } = await rig.end(url, { method: 'POST', body: 'x' });
  expect(outcome).toMatchObject({ kind: 'timeout', attempts: 2 });
  expect(await rig.redis.hget(rig.keys.stats(rig.queue), 'sent')).toBe('0');
});

test('waiting for Redis is not time of the upstream: the timer is stopped during the send mark', async () => {
  const { hostname, port } = new URL(inject('redisUrl'));
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  await using rig = await Rig.open({
    idle: true,
    policy: {
      rate: { limit: 1, per: '700ms', burst: 1 },
      delivery: 'at-most-once',
      timeout: 300,
      retry: { ...quick, attempts: 1 },
    },
  });
  await rig.startPool({ SLUICE_REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
  await rig.end('/first');
  const second = rig.end('/second', { method: 'POST', body: 'x' });
  // Its permit is granted, and its start still away: what the worker asks next, it asks a Redis that does not answer.
  await until(async () => (await rig.redis.hget(rig.keys.stats(rig.queue), 'sent')) === '2');
  proxy.stall();
  await sleep(1500);
  proxy.heal();
  expect((await second).outcome).toMatchObject({ kind: 'response', attempts: 1 });
});

/** A ticket whose permit came along with its job, and was counted as sent. */
async function cameAlong(rig: Rig, since: number) {
  const holds = new Holds(rig.redis, rig.keys);
  const signal = new AbortController().signal;
  const job = {
    queue: rig.queue,
    id: 'a',
    token: 't',
    data: null,
    attemptsMade: 0,
    stalls: 0,
    takenAt: performance.now(),
    waitedMs: 0,
    signal,
    freeSince: since,
  };
  const permits = new Permits(rig.redis, rig.keys, holds);
  const context: Omit<TicketContext, 'sendMarks'> = {
    policy: policySchema.parse({}),
    permits,
    log: createLogger('test', 'silent'),
    observeAge: () => {},
  };
  await rig.redis.hset(rig.keys.stats(rig.queue), 'sent', 1);
  const ticket = new Ticket(job, context as TicketContext);
  return { ticket, holds, timer: new AttemptTimer(60_000, signal) };
}

const origin = 'https://api.test';
/** A permit that is fresh for as long as the test takes. */
const fresh = () => performance.now() + 60_000;
const sent = async (rig: Rig) => Number(await rig.redis.hget(rig.keys.stats(rig.queue), 'sent'));

test('a permit that came along is used without a call, and goes back if nothing is sent', async () => {
  await using rig = await Rig.open({ idle: true });
  const { ticket, timer } = await cameAlong(rig, fresh());
  // If it asked, it would be denied.
  await rig.redis.set(rig.keys.outcome(rig.queue, 'a'), '-');
  expect(await ticket.ask(origin, timer)).toEqual({ type: 'go' });
  ticket.spend();
  await ticket[Symbol.asyncDispose]();
  expect(await sent(rig)).toBe(1);
  const unused = await cameAlong(rig, fresh());
  await unused.ticket[Symbol.asyncDispose]();
  expect(await sent(rig)).toBe(0);
  const unsent = await cameAlong(rig, fresh());
  await unsent.ticket.ask(origin, timer);
  await unsent.ticket[Symbol.asyncDispose]();
  expect(await sent(rig)).toBe(0);
  timer[Symbol.dispose]();
});

test('a permit that came along and is old, or whose origin is held, is exchanged', async () => {
  await using rig = await Rig.open({ idle: true });
  const old = await cameAlong(rig, performance.now() - 200);
  expect(await old.ticket.ask(origin, old.timer)).toEqual({ type: 'go' });
  expect(await sent(rig)).toBe(1);
  const held = await cameAlong(rig, fresh());
  await held.holds.extend(rig.queue, origin, 60_000, null);
  held.holds.heard(rig.queue, origin, 60_000);
  expect(await held.ticket.ask(origin, held.timer)).toMatchObject({ type: 'not-now', reason: 'held' });
  expect(await sent(rig)).toBe(0);
  const cancelled = await cameAlong(rig, Number.NEGATIVE_INFINITY);
  await rig.redis.set(rig.keys.cancel(rig.queue, 'a'), 1);
  expect(await cancelled.ticket.ask(origin, cancelled.timer)).toEqual({ type: 'cancelled' });
  expect(await sent(rig)).toBe(0);
  for (const { timer } of [old, held, cancelled]) timer[Symbol.dispose]();
});
