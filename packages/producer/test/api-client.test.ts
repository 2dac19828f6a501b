import { inject, afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Rig, loopback, quick } from '../../worker/test/rig.ts';
import { spawnUpstream } from '../../../test/lab/upstream/spawn.ts';
import { ApiClient, type ApiClientOptions } from '../src/index.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open();
});
beforeEach(() => rig.upstream.reset());
afterAll(() => rig[Symbol.asyncDispose]());

const policy = { egress: loopback, retry: quick };
const api = (options: Partial<ApiClientOptions> = {}) =>
  new ApiClient({ baseUrl: rig.upstream.url, rate: 1000, per: 1, sluice: rig.sluice, policy, ...options });

const echo = z.object({
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
});

describe('a request', () => {
  test('of each method gives the parsed JSON', async () => {
    const client = api();
    const json = { name: 'Ü' };
    const echoes = [
      await client.get('/echo', { schema: echo }),
      await client.post('/echo', json, { schema: echo }),
      await client.put('/echo', json, { schema: echo }),
      await client.patch('/echo', json, { schema: echo }),
      await client.delete('/echo', { schema: echo }),
    ];
    const text = JSON.stringify(json);
    expect(echoes.map(({ method, body }) => [method, body])).toEqual([
      ['GET', ''],
      ['POST', text],
      ['PUT', text],
      ['PATCH', text],
      ['DELETE', ''],
    ]);
    expect(echoes[1]?.headers).toMatchObject({
      accept: 'application/json',
      'content-type': 'application/json',
    });
  });

  test('appends its path and query to the base', async () => {
    const client = api({ baseUrl: `${rig.upstream.url}/echo/v1/` });
    const query = { q: 'a b&c', page: 2, all: true };
    for (const path of ['users', '/users']) {
      expect((await client.get(path, { schema: echo, query })).url).toBe(
        '/echo/v1/users?q=a+b%26c&page=2&all=true',
      );
    }
    expect((await client.get('users?sort=up', { schema: echo, query: { page: 1 } })).url).toBe(
      '/echo/v1/users?sort=up&page=1',
    );
  });

  test.each(['//127.0.0.2/echo', '/\\127.0.0.2/echo', '\\\\127.0.0.2/echo', 'http://127.0.0.2/echo'])(
    'of the path %s stays with the API: its headers go nowhere else',
    async (path) => {
      const client = api({ headers: { authorization: 'Bearer secret' } });
      await client.get(path).catch(() => {});
      expect(await rig.seen()).toHaveLength(1);
    },
  );

  test('has the headers of the client, and its own over them', async () => {
    const client = api({ headers: { 'x-key': 'k', 'x-both': 'client' } });
    const { headers } = await client.get('/echo', { schema: echo, headers: { 'x-both': 'request' } });
    expect(headers).toMatchObject({ 'x-key': 'k', 'x-both': 'request' });
  });

  test('answered with nothing is null', async () => {
    expect(await api().delete('/status/204')).toBeNull();
  });

  test('can be given up', async () => {
    const result = api().get('/hang', { signal: AbortSignal.timeout(200) });
    await expect(result).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED' });
    await rig.quiet();
  });
});

describe('an answer', () => {
  test('that the schema refuses is SLUICE_BAD_RESPONSE, with every fault', async () => {
    const schema = z.object({ ok: z.string(), list: z.array(z.string()) });
    await expect(api().get('/json', { schema })).rejects.toMatchObject({
      code: 'SLUICE_BAD_RESPONSE',
      faults: expect.arrayContaining([expect.objectContaining({ path: 'ok' })]) as unknown[],
    });
  });

  test('goes through the transforms of the schema', async () => {
    const schema = z.object({ list: z.array(z.number()) }).transform(({ list }) => list.length);
    expect(await api().get('/json', { schema })).toBe(3);
  });

  test('with another status than 2xx is a StatusError with the response', async () => {
    await expect(api().get('/status/404')).rejects.toMatchObject({
      name: 'StatusError',
      code: 'SLUICE_STATUS',
      message: expect.stringContaining('answered 404: {"status":404}') as string,
      response: { status: 404 },
    });
  });

  test('that is not JSON is a SyntaxError', async () => {
    await expect(api().get('/bytes/10')).rejects.toThrow(SyntaxError);
  });

  test('that never comes is the JobError of fetch', async () => {
    await expect(api().get('/status/500', { attempts: 1 })).rejects.toMatchObject({
      name: 'JobError',
      code: 'SLUICE_HTTP_ERROR',
    });
  });
});

describe('the rate', () => {
  test('is the policy of a queue named after the host', async () => {
    await using other = await Rig.open();
    const client = api({ baseUrl: other.upstream.url, rate: 100, per: '60s' });
    await client.get('/json');
    const queue = new URL(other.upstream.url).host.replace(':', '-');
    expect(await rig.sluice.policies.read(queue)).toMatchObject({
      rate: { limit: 100, per: 60_000 },
      origin: other.upstream.url,
    });
    // Another client that names another rate uses the queue's, too.
    await api({ baseUrl: other.upstream.url, rate: 50, per: 60 }).get('/json');
    expect((await rig.sluice.policies.read(queue))?.rate?.limit).toBe(100);
  });

  test('is kept at the upstream', async () => {
    // In a process of its own: here the worker keeps the loop busy, and the first would be seen late.
    await using other = await spawnUpstream();
    const client = api({ baseUrl: other.url, rate: 5, per: 1 });
    await Promise.all(Array.from({ length: 8 }, (_, n) => client.get(`/item/${n}`)));
    // As with aiolimiter, the first five leave at once; here the sixth is not in their window.
    const times = (await other.arrivals()).map(({ t }) => t).sort((a, b) => a - b);
    expect(times[5]! - times[0]!).toBeGreaterThanOrEqual(1000);
  });
});

describe('a client', () => {
  test('with a base that is no http URL is refused', () => {
    expect(() => api({ baseUrl: 'ftp://files.example' })).toThrow(/baseUrl "ftp:\/\/files.example" is not/);
  });

  test.each([{ per: '1 fortnight' }, { per: 0 }, { rate: 0 }])(
    'with %o is refused at its first request',
    async (wrong) => {
      await expect(api({ queue: 'wrong', ...wrong }).get('/json')).rejects.toMatchObject({
        code: expect.stringMatching(/SLUICE_INVALID_(CONFIG|POLICY)/) as string,
      });
    },
  );

  test('leaves a client that is shared open', async () => {
    const client = api();
    await client.get('/json');
    await client.close();
    expect((await rig.sluice.fetch(rig.url('/json'))).ok).toBe(true);
  });

  test('of its own connection closes it, whether it was used or not, and refuses afterwards', async () => {
    const options = {
      baseUrl: rig.upstream.url,
      rate: 1,
      per: 1,
      redis: inject('redisUrl'),
      prefix: rig.prefix,
      policy,
      queue: 'own',
    };
    for (const used of [false, true]) {
      const client = new ApiClient(options);
      if (used) {
        const waits = client.get('/json', { delayMs: 3_600_000 });
        await expect(Promise.race([waits, rig.end('/item/1')])).resolves.toBeDefined();
        const heard = expect(waits).rejects.toMatchObject({ code: 'SLUICE_CLOSED' });
        await client.close();
        await heard;
      }
      await client.close();
      await expect(client.get('/json')).rejects.toMatchObject({ code: 'SLUICE_CLOSED' });
    }
  });

  test('whose connecting failed tries again with the next request, and closes without a word', async () => {
    const options = {
      baseUrl: rig.upstream.url,
      rate: 1000,
      per: 1,
      redis: 'redis://127.0.0.1:1',
      prefix: rig.prefix,
      policy,
    };
    await using client = new ApiClient(options);
    await expect(client.get('/json')).rejects.toMatchObject({ code: 'SLUICE_REDIS_UNREACHABLE' });
    options.redis = inject('redisUrl'); // as if it had come up
    expect(await client.get('/json')).toMatchObject({ ok: true });
    await using hopeless = new ApiClient({ ...options, redis: 'redis://127.0.0.1:1' });
    await expect(hopeless.get('/json')).rejects.toMatchObject({ code: 'SLUICE_REDIS_UNREACHABLE' });
  });
});
