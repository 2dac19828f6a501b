import { type Socket, connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { until } from '../../worker/test/rig.ts';
import { type Answer, GatewayRig } from './gateway-rig.ts';

type Item = { id: string; index: number; cursor: string; outcome: { kind: string } };

const ndjson = { 'content-type': 'application/x-ndjson' };
const lines = (values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');
const items = (answer: Answer) =>
  answer.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Item);
const specs = (gateway: GatewayRig, count: number) =>
  Array.from({ length: count }, (_, n) => ({ url: gateway.rig.url(`/${n}`) }));

describe('an upload', () => {
  test('tells the faults by line, adds the rest, and seals the batch; its outcomes are read in pages', async () => {
    await using gateway = await GatewayRig.open();
    const { rig } = gateway;
    const body = `${lines([{ url: rig.url('/a') }])}\n{"url":\n[1]\n${lines([{ url: 'ftp://x' }, { url: rig.url('/b'), id: 'mine' }])}`;
    const answer = await gateway.call('POST', 'jobs/batch?batch=daily', { body, headers: ndjson });
    expect(answer.json()).toMatchObject({
      batch: 'daily',
      url: '/v1/queues/q/batches/daily',
      added: 2,
      existed: 0,
      faulty: 3,
      sealed: true,
      faults: [
        { line: 3, code: 'SLUICE_INVALID_SPEC', detail: expect.stringContaining('is not JSON') as unknown },
        { line: 4, detail: 'must be a JSON object: a job spec' },
        { line: 5, detail: expect.stringMatching(/^url: /) as unknown },
      ],
    });
    expect(answer.status).toBe(202);
    const url = answer.headers.get('location')!;
    await until(async () => (await gateway.call('GET', url)).json<{ ended: number }>().ended === 2);
    expect((await gateway.call('GET', url)).json()).toEqual({
      total: 2,
      ended: 2,
      failed: 0,
      sealed: true,
      queue: 'q',
    });
    const [first] = items(await gateway.call('GET', `${url}/results?limit=1`));
    const rest = items(await gateway.call('GET', `${url}/results?cursor=${first!.cursor}`));
    expect([first!.id, ...rest.map(({ id }) => id)].sort()).toEqual(['daily.1', 'mine']);
    expect((await gateway.call('GET', '/v1/queues/other/batches/daily')).status).toBe(404);
  });

  test('that is cut off is not sealed; the same again adds only what is missing, and each is sent once', async () => {
    await using gateway = await GatewayRig.open();
    const all = specs(gateway, 300);
    const text = lines(all);
    const { hostname, port } = new URL(gateway.url);
    const socket: Socket = connect(Number(port), hostname);
    const head = `POST /v1/queues/q/jobs/batch?batch=b HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${text.length}\r\n\r\n`;
    socket.write(head + text.slice(0, Math.floor(text.length * 0.6)));
    const progress = async () =>
      (await gateway.call('GET', 'batches/b')).json<{ total: number; sealed: boolean }>();
    // The adds of an upload are 200 at once: some of them are made before it ends.
    await until(async () => (await progress()).total > 100);
    socket.destroy();
    const again = await gateway.call('POST', 'jobs/batch?batch=b', { body: text, headers: ndjson });
    const { added, existed } = again.json<{ added: number; existed: number }>();
    expect(existed).toBeGreaterThan(100);
    expect(added).toBeGreaterThan(100);
    expect(added + existed).toBe(300);
    expect(await progress()).toMatchObject({ total: 300, sealed: true });
    const followed = items(await gateway.call('GET', 'batches/b/results?follow=true'));
    expect(new Set(followed.map(({ id }) => id)).size).toBe(300);
    const arrivals = await gateway.rig.upstream.arrivals();
    expect(arrivals).toHaveLength(300);
  });

  test('may come in parts, and takes no more when it is sealed', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const body = lines(specs(gateway, 1).map((spec) => ({ ...spec, id: 'a' })));
    const more = lines(specs(gateway, 1).map((spec) => ({ ...spec, id: 'b' })));
    const part = await gateway.call('POST', 'jobs/batch?batch=b&seal=false', { body, headers: ndjson });
    expect(part.json()).toMatchObject({ sealed: false });
    expect((await gateway.call('POST', 'batches/b/seal')).json()).toMatchObject({ total: 1, sealed: true });
    const late = await gateway.call('POST', 'jobs/batch?batch=b', { body: more, headers: ndjson });
    expect(late.json()).toMatchObject({ status: 409, code: 'SLUICE_BATCH_SEALED' });
  });

  test('as JSON is refused, and so are lines where one spec belongs', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    expect((await gateway.call('POST', 'jobs/batch', { json: [] })).status).toBe(415);
    expect((await gateway.call('POST', 'jobs', { body: '{}', headers: ndjson })).status).toBe(415);
  });

  test('to a queue without a policy leaves no batch behind', async () => {
    await using gateway = await GatewayRig.open({ idle: true });
    const body = lines([{ url: 'http://example.com/' }]);
    const none = await gateway.call('POST', '/v1/queues/none/jobs/batch?batch=b', { body, headers: ndjson });
    expect(none.json()).toMatchObject({ code: 'SLUICE_POLICY_MISSING' });
    const { redis, keys } = gateway.rig;
    expect(await redis.exists(keys.batchState('b'))).toBe(0);
  });
});

test('outcomes come as server-sent events, from the last one that was read on', async () => {
  await using gateway = await GatewayRig.open();
  await gateway.call('POST', 'jobs/batch?batch=b', { body: lines(specs(gateway, 3)), headers: ndjson });
  const accept = 'text/event-stream';
  const all = await gateway.call('GET', 'batches/b/results', { headers: { accept } });
  expect(all.headers.get('content-type')).toBe('text/event-stream');
  expect((await gateway.call('GET', 'batches/b/results?cursor=x')).status).toBe(400);
  const ids = [...all.text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id!);
  expect(ids).toHaveLength(3);
  expect(all.text).toMatch(/event: complete\n/);
  const rest = await gateway.call('GET', 'batches/b/results', {
    headers: { accept, 'last-event-id': ids[1]! },
  });
  expect([...rest.text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id)).toEqual([ids[2]]);
});
