import { describe, expect, test } from 'vitest';
import { until } from '../../worker/test/rig.ts';
import { GatewayRig } from './gateway-rig.ts';

describe('a queue', () => {
  test('is created, changed, paused and removed', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const queue = '/v1/queues/new';
    expect((await gateway.call('PUT', queue, { json: { rate: '100/60s' } })).json()).toMatchObject({
      change: 'created',
      policy: { rate: { limit: 100, per: 60_000 } },
    });
    const patched = await gateway.call('PATCH', queue, { json: { timeout: '5s' } });
    expect(patched.json()).toMatchObject({
      change: 'changed',
      policy: { rate: { limit: 100 }, timeout: 5000 },
    });
    expect((await gateway.call('GET', '/v1/queues')).json()).toEqual({ queues: ['new', 'q'] });
    expect((await gateway.call('POST', `${queue}/pause`)).json()).toEqual({ paused: true });
    expect((await gateway.call('GET', queue)).json()).toMatchObject({ paused: true, counts: { waiting: 0 } });
    expect((await gateway.call('POST', `${queue}/resume`)).json()).toEqual({ paused: false });
    expect((await gateway.call('POST', `${queue}/release`)).json()).toEqual({ lifted: 0 });
    expect((await gateway.call('DELETE', queue)).status).toBe(204);
    expect((await gateway.call('GET', queue)).status).toBe(404);
    expect((await gateway.call('PATCH', queue, { json: { timeout: '5s' } })).status).toBe(404);
  });

  test('with a bad policy is a problem with every fault', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const answer = await gateway.call('PUT', '/v1/queues/new', { json: { rate: 'fast', timeout: -1 } });
    expect(answer.json()).toMatchObject({
      code: 'SLUICE_INVALID_POLICY',
      faults: [{ pointer: '#/rate' }, { pointer: '#/timeout' }],
    });
  });

  test('does not become the way into the internal network', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const { rig } = gateway;
    const opened = await gateway.call('PATCH', '/v1/queues/q', {
      json: { egress: { allow: ['10.0.0.0/8'] } },
    });
    expect(opened.json()).toMatchObject({ status: 403, code: 'SLUICE_FORBIDDEN' });
    const created = await gateway.call('PUT', '/v1/queues/new', {
      json: { egress: { allow: ['10.0.0.0/8'] } },
    });
    expect(created.status).toBe(403);
    // What an operator has set stays, whether it is sent back or left out.
    const before = (await rig.sluice.policies.read('q'))!;
    expect((await gateway.call('PUT', '/v1/queues/q', { json: { rate: '5/s' } })).status).toBe(200);
    expect((await gateway.call('PUT', '/v1/queues/q', { json: { ...before, rate: '6/s' } })).status).toBe(
      200,
    );
    expect((await rig.sluice.policies.read('q'))!.egress).toEqual(before.egress);
  });
});

test('failed jobs are listed, looked at, sent back and removed', async () => {
  await using gateway = await GatewayRig.open();
  const { rig } = gateway;
  const spec = { url: rig.url('/status/500?key=secret'), attempts: 1, id: 'a' };
  await gateway.call('POST', 'fetch', { json: spec });
  await until(async () => (await rig.sluice.dead.get(rig.queue, 'a')) !== null);
  const list = await gateway.call('GET', 'dead?code=SLUICE_HTTP_ERROR');
  expect(list.json()).toMatchObject({
    items: [{ id: 'a', code: 'SLUICE_HTTP_ERROR', attempts: 1 }],
    examined: 1,
    cursor: null,
  });
  expect((await gateway.call('GET', 'dead/a')).json()).toMatchObject({
    id: 'a',
    end: { outcome: { kind: 'http-error' } },
  });
  expect((await gateway.call('GET', 'dead/b')).status).toBe(404);
  expect((await gateway.call('POST', 'jobs/a/redrive')).status).toBe(202);
  await until(async () => (await rig.upstream.arrivals()).length === 2);
  await until(async () => (await rig.sluice.dead.get(rig.queue, 'a')) !== null);
  expect((await gateway.call('POST', 'dead/redrive', { json: { ids: ['a', 'b'] } })).json()).toMatchObject({
    redriven: 1,
    skipped: ['b'],
  });
  await until(async () => (await rig.sluice.dead.get(rig.queue, 'a')) !== null);
  expect((await gateway.call('POST', 'dead/purge', { json: {} })).status).toBe(400);
  const { host } = new URL(rig.upstream.url);
  expect((await gateway.call('GET', `dead?host=${host}&since=2020-01-01T00:00:00Z`)).json()).toMatchObject({
    items: [{ id: 'a' }],
  });
  for (const json of [
    { all: true, host: 'other.test' },
    { all: true, until: '2020-01-01' },
  ]) {
    expect((await gateway.call('POST', 'dead/purge', { json })).json()).toMatchObject({
      removed: 0,
      cursor: null,
    });
    expect((await gateway.call('POST', 'dead/redrive', { json })).json()).toMatchObject({ redriven: 0 });
  }
  expect((await gateway.call('POST', 'dead/purge', { json: { ids: ['a'], host } })).status).toBe(400);
  expect((await gateway.call('POST', 'dead/purge', { json: { all: true, host } })).json()).toEqual({
    removed: 1,
    examined: 1,
    cursor: null,
  });
});

test('schedules are set, listed and ended', async () => {
  await using gateway = await GatewayRig.open({ idle: true });
  const { rig } = gateway;
  const job = { url: rig.url('/tick') };
  expect((await gateway.call('PUT', 'schedules/tick', { json: { every: '1h', job } })).status).toBe(204);
  expect((await gateway.call('PUT', 'schedules/tock', { json: { cron: '0 * * * *', job } })).status).toBe(
    204,
  );
  expect((await gateway.call('GET', 'schedules')).json()).toMatchObject({
    schedules: expect.arrayContaining([
      expect.objectContaining({ name: 'tick', every: 3_600_000 }),
    ]) as unknown,
  });
  const faulty = await gateway.call('PUT', 'schedules/tick', { json: { cron: '0 0 0', job } });
  expect(faulty.json()).toMatchObject({ code: 'SLUICE_INVALID_SPEC' });
  expect((await gateway.call('PUT', 'schedules/tick', { json: { every: '1h' } })).status).toBe(400);
  expect((await gateway.call('DELETE', 'schedules/tick')).status).toBe(204);
  expect((await gateway.call('DELETE', 'schedules/tick')).status).toBe(404);
});

test('workers are listed', async () => {
  await using gateway = await GatewayRig.open();
  const { workers } = (await gateway.call('GET', '/v1/workers')).json<{ workers: { queues: string }[] }>();
  expect(workers).toMatchObject([{ queues: '*' }]);
});

test('a queue that is full is 429, and says when to try again', async () => {
  await using full = await GatewayRig.open({ idle: true, policy: { rate: '1/10s', maxBacklog: 2 } });
  const add = () => full.call('POST', 'jobs', { json: { url: 'http://a.test/' } });
  expect([(await add()).status, (await add()).status]).toEqual([202, 202]);
  const refused = await add();
  expect(refused.json()).toMatchObject({ status: 429, code: 'SLUICE_BACKLOG_FULL' });
  // 10 s to the next start, and its slack.
  expect(refused.headers.get('retry-after')).toBe('11');
});
