import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import { startTcpProxy } from '../../../test/lab/faults/tcp-proxy.ts';
import { startRawUpstream } from './raw-upstream.ts';
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
