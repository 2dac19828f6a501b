import { type AddressInfo, createServer } from 'node:net';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { startUpstream } from '../../../test/lab/upstream/server.ts';
import { Rig, loopback, quick } from './rig.ts';

const to = (url: string, code = 302) => `/redirect-to?url=${encodeURIComponent(url)}&code=${code}`;

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('a redirect', () => {
  test('is followed, and the outcome has the URL that answered', async () => {
    await using rig = await Rig.open();
    const { outcome } = await rig.end('/redirect/3');
    expect(outcome).toMatchObject({
      kind: 'response',
      attempts: 1,
      response: { status: 200, url: rig.url('/') },
    });
    expect(await rig.seen()).toHaveLength(4);
  });

  test('counts each hop as a request sent', async () => {
    await using rig = await Rig.open({ policy: { rate: '1000/1s' } });
    await rig.end('/redirect/2');
    expect(await rig.sluice.queues.stats(rig.queue)).toEqual({ sent: 3, rejected: 0 });
  });

  test('is the response if the policy follows none', async () => {
    await using rig = await Rig.open({ policy: { maxRedirects: 0 } });
    const { outcome } = await rig.end('/redirect/1');
    expect(outcome).toMatchObject({
      kind: 'response',
      response: { status: 302, headers: { location: '/' } },
    });
  });

  test('too many end the job as bad-response, after as many as the policy follows', async () => {
    await using rig = await Rig.open({ policy: { maxRedirects: 2 } });
    expect((await rig.end('/redirect/2')).outcome.kind).toBe('response');
    await rig.upstream.reset();
    const { outcome } = await rig.end('/redirect/3');
    expect(outcome).toMatchObject({
      kind: 'bad-response',
      attempts: 1,
      error: { code: 'SLUICE_BAD_RESPONSE' },
    });
    expect(outcome.error?.message).toContain('more than 2 redirects');
    expect(await rig.seen()).toHaveLength(3);
  });

  test('turns a POST into a GET with 302, and keeps it with 307', async () => {
    await using rig = await Rig.open();
    const post = { method: 'POST', json: { a: 1 } };
    const got = JSON.parse((await rig.end(to('/echo'), post)).text) as Record<string, unknown>;
    expect(got).toMatchObject({ method: 'GET', body: '' });
    expect(got['headers']).not.toHaveProperty('content-type');
    const kept = JSON.parse((await rig.end(to('/echo', 307), post)).text) as Record<string, unknown>;
    expect(kept).toMatchObject({ method: 'POST', body: '{"a":1}' });
  });

  test('to another origin takes no header along that could be a credential', async () => {
    await using rig = await Rig.open();
    await using other = await startUpstream();
    const headers = { authorization: 'Bearer s', 'x-api-key': 's', cookie: 's=1', accept: 'text/plain' };
    const there = JSON.parse((await rig.end(to(`${other.url}/echo`), { headers })).text) as {
      headers: Record<string, string>;
    };
    expect(there.headers).toMatchObject({ accept: 'text/plain' });
    for (const name of ['authorization', 'x-api-key', 'cookie'])
      expect(there.headers).not.toHaveProperty(name);
    const here = JSON.parse((await rig.end(to('/echo'), { headers })).text) as {
      headers: Record<string, string>;
    };
    expect(here.headers).toMatchObject(headers);
  });

  test.each([
    ['PUT', 301],
    ['DELETE', 302],
    ['POST', 307],
    ['PATCH', 308],
  ] as const)(
    'that would take the body of a %s to another origin with %d ends the job',
    async (method, code) => {
      await using rig = await Rig.open({ policy: { retry: { ...quick, methods: ['GET', method] } } });
      await using other = await startUpstream();
      const { outcome } = await rig.end(to(`${other.url}/echo`, code), { method, body: 'secret' });
      expect(outcome).toMatchObject({
        kind: 'bad-response',
        attempts: 1,
        error: { code: 'SLUICE_BAD_RESPONSE', message: expect.stringContaining(other.url) as string },
      });
      expect(outcome.error?.message).toContain('egress.redirectBodies');
      expect(await rig.seen()).toHaveLength(1);
      expect(await other.arrivals()).toEqual([]);
    },
  );

  test('takes a body to the other origins that the policy lists, and the key that keeps it from being performed twice', async () => {
    await using other = await startUpstream();
    const egress = { ...loopback, redirectBodies: [other.url] };
    await using rig = await Rig.open({ policy: { egress } });
    const post = { method: 'POST', json: { a: 1 }, headers: { authorization: 'Bearer s' } } as const;
    const there = JSON.parse((await rig.end(to(`${other.url}/echo`, 307), post)).text) as {
      body: string;
      headers: Record<string, string>;
    };
    expect(there).toMatchObject({ method: 'POST', body: '{"a":1}' });
    expect(there.headers).toHaveProperty('idempotency-key');
    expect(there.headers).not.toHaveProperty('authorization');
  });

  test.each(['http://169.254.169.254/latest/', 'file:///etc/passwd', 'http://u:p@127.0.0.1/'])(
    'to %s is blocked, after the one attempt that was sent',
    async (url) => {
      await using rig = await Rig.open();
      const { outcome } = await rig.end(to(url));
      expect(outcome).toMatchObject({ kind: 'blocked', attempts: 1, error: { code: 'SLUICE_BLOCKED' } });
      expect(await rig.seen()).toHaveLength(1);
    },
  );

  test('to something that is not a URL ends the job as bad-response', async () => {
    await using rig = await Rig.open();
    const { outcome } = await rig.end(to('http://['));
    expect(outcome).toMatchObject({ kind: 'bad-response', attempts: 1 });
  });

  test('at a rate below one a second waits for its own permit, inside the timeout', async () => {
    await using rig = await Rig.open({ policy: { rate: { limit: 2, per: '3s', burst: 1 } } });
    const { outcome } = await rig.end('/redirect/1', { attempts: 1, timeoutMs: 10_000 });
    expect(outcome).toMatchObject({ kind: 'response', attempts: 1, response: { status: 200 } });
    expect((await rig.gaps())[0]).toBeGreaterThanOrEqual(1490);
  });

  test('whose permit does not come within the timeout ends the attempt as a timeout', async () => {
    await using rig = await Rig.open({ policy: { rate: '1/1h' } });
    const { outcome } = await rig.end('/redirect/1', { attempts: 1, timeoutMs: 300 });
    expect(outcome).toMatchObject({ kind: 'timeout', attempts: 1 });
    expect(await rig.seen()).toHaveLength(1);
  });

  test('to an origin that is held does not go on forever: the last attempt ends the job', async () => {
    await using rig = await Rig.open({ policy: { retry: quick } });
    await using other = await startUpstream();
    await rig.end(`${other.url}/status/429?retryAfter=60`, { attempts: 1 });
    const { outcome } = await rig.end(to(`${other.url}/`), { attempts: 1 });
    expect(outcome).toMatchObject({ attempts: 1 });
    expect(outcome.kind).not.toBe('response');
    expect(await rig.seen()).toHaveLength(1);
  });
});

test('a rejection at the end of a redirect holds the origin that rejected, not the one that redirected', async () => {
  await using rig = await Rig.open({ policy: { retry: quick } });
  await using other = await startUpstream();
  await rig.end(to(`${other.url}/status/429?retryAfter=60`), { attempts: 1 });
  expect(await rig.redis.zrange(rig.keys.holds(rig.queue), 0, '-1')).toEqual([other.url]);
  expect((await rig.end('/')).outcome).toMatchObject({ kind: 'response', attempts: 1 });
});

describe('a POST that was redirected has been performed:', () => {
  test('it is not sent again when the target of the redirect cannot be reached', async () => {
    await using rig = await Rig.open({ policy: { retry: quick, egress: loopback } });
    const path = to(`http://127.0.0.1:${await closedPort()}/`, 303);
    const { outcome } = await rig.end(path, { method: 'POST', body: 'once' });
    expect(outcome).toMatchObject({ kind: 'network', attempts: 1 });
    expect(await rig.seen()).toEqual([`POST ${path}`]);
  });

  test('it is not sent again when the origin of the target is held', async () => {
    await using rig = await Rig.open({ policy: { retry: quick } });
    await using other = await startUpstream();
    await rig.end(`${other.url}/status/429?retryAfter=1`, { attempts: 1 });
    const path = to(`${other.url}/`, 303);
    const { outcome } = await rig.end(path, { method: 'POST', body: 'once' });
    expect(outcome.attempts).toBe(1);
    expect(await rig.seen()).toEqual([`POST ${path}`]);
  });
});
