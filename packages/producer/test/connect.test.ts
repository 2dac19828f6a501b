import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { Rig, loopback, until } from '../../worker/test/rig.ts';
import { type ConnectOptions, type Hooks, connect } from '../src/index.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open();
});
beforeEach(() => rig.upstream.reset());
afterAll(() => rig[Symbol.asyncDispose]());

const connected = (options: ConnectOptions = {}) =>
  connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue, ...options });

/** How many connections have a name. */
async function connectionsOf(name: string): Promise<number> {
  const list = (await rig.redis.client('LIST')) as string;
  return list.split('\n').filter((line) => line.includes(` name=${name} `)).length;
}

describe('a client of ioredis', () => {
  test('is duplicated, twice, and left alone, whatever its own options are', async () => {
    const name = `own-${process.pid}`;
    // Any of these would break our commands.
    const own = new Redis(inject('redisUrl'), {
      connectionName: name,
      keyPrefix: 'app:',
      commandTimeout: 50,
      enableAutoPipelining: true,
      maxRetriesPerRequest: 1,
    });
    await own.ping();
    const client = await connected({ redis: own });
    expect(await connectionsOf(name)).toBe(3);
    expect((await client.fetch(rig.url('/delay/300'))).json()).toEqual({ delayedMs: 300 });
    await client.close();
    await until(async () => (await connectionsOf(name)) === 1);
    await own.set(`${rig.prefix}own`, '1', 'PX', 5000);
    expect(await rig.redis.get(`app:${rig.prefix}own`)).toBe('1');
    own.disconnect();
  });

  test('that nothing answers is named in the error, without its password', async () => {
    const away = new Redis({ port: 1, password: 'secret', lazyConnect: true, retryStrategy: () => null });
    const error: unknown = await connected({ redis: away }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'SLUICE_REDIS_UNREACHABLE' });
    expect(String(error)).toContain('redis://localhost:1/0 does not answer');
    expect(String(error)).not.toContain('secret');
  });

  test('of a Cluster is refused, with what to give instead', async () => {
    const cluster = new Cluster([{ port: 1 }], { lazyConnect: true });
    await expect(connected({ redis: cluster as never })).rejects.toMatchObject({
      code: 'SLUICE_INVALID_CONFIG',
      message: expect.stringContaining('redis+cluster://') as string,
    });
    cluster.disconnect();
  });
});

describe('the options of connect', () => {
  test.each([
    [{ qeue: 'x' }, 'qeue: unknown field; did you mean "queue"?'],
    [{ whenDown: 'explode' }, 'whenDown: must be one of wait, fail'],
    [{ onConflict: 1 }, 'onConflict: must be one of keep, replace, fail'],
    [{ redis: 5 }, 'redis: must be a Redis URL, or an ioredis client'],
    [{ logger: {} }, 'logger: must have the methods info and warn, as console and pino do'],
    [{ on: { setled: () => {} } }, 'on.setled: unknown field; did you mean "settled"?'],
    [{ fetchDeadline: 'soon' }, 'fetchDeadline: "soon" is not a duration'],
    [{ dedupTtl: 1, dedupTtlMs: 1 }, 'dedupTtl: and dedupTtlMs are the same; give dedupTtl'],
  ])('%j is refused with a sentence', async (options, message) => {
    await expect(connected(options as ConnectOptions)).rejects.toMatchObject({
      code: 'SLUICE_INVALID_CONFIG',
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('hooks', () => {
  test('are told of what was accepted and of what has ended', async () => {
    const calls: unknown[][] = [];
    const on: Hooks = {
      accepted: (job) => calls.push(['accepted', job]),
      settled: ({ id, queue, outcome }) => calls.push(['settled', { id, queue, kind: outcome.kind }]),
    };
    await using client = await connected({ on });
    const spec = { url: rig.url('/item/1?token=secret'), id: 'hooked' };
    const handle = await client.enqueue(spec);
    await client.enqueue(spec);
    await handle.result();
    expect(calls).toEqual([
      ['accepted', { id: 'hooked', queue: rig.queue, method: 'GET', url: `${rig.upstream.url}/item/1?…` }],
      ['settled', { id: 'hooked', queue: rig.queue, kind: 'response' }],
    ]);
  });

  test('that throw are warned of, and change nothing', async () => {
    const lines: string[] = [];
    const logger = { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
    const fail = () => {
      throw new Error('no');
    };
    await using client = await connected({ logger, on: { accepted: fail, settled: fail } });
    expect((await client.fetch(rig.url('/item/1'))).status).toBe(200);
    expect(lines).toEqual(['the hook "accepted" threw: no', 'the hook "settled" threw: no']);
  });

  test('and the logger are told of a policy that differs, each client anew', async () => {
    const heard: string[] = [];
    const options: ConnectOptions = {
      queue: 'told',
      policy: { egress: loopback, maxRedirects: 1 },
      logger: { info: () => {}, warn: (line) => heard.push(`log ${line}`) },
      on: { warning: ({ code, message }) => heard.push(`${code} ${message}`) },
    };
    await (await connected(options)).close();
    expect(heard).toEqual([]);
    for (let n = 0; n < 2; n++) {
      await (await connected({ ...options, policy: { egress: loopback, maxRedirects: 2 } })).close();
    }
    expect(heard).toHaveLength(4);
    expect(heard[0]).toMatch(/^log queue "told" has another policy .*maxRedirects: 1 -> 2/);
    expect(heard[1]).toMatch(/^SLUICE_POLICY_CONFLICT queue "told"/);
  });

  test('and the logger are told once when the connection is lost, and when it is back', async () => {
    const name = `lost-${process.pid}`;
    const heard: string[] = [];
    await using client = await connected({
      redis: new Redis(inject('redisUrl'), { connectionName: name, lazyConnect: true }),
      logger: { info: (line) => heard.push(line), warn: (line) => heard.push(line) },
    });
    const list = (await rig.redis.client('LIST')) as string;
    const ids = [...list.matchAll(new RegExp(`^id=(\\d+) .* name=${name} `, 'gm'))].map(([, id]) => id!);
    expect(ids).toHaveLength(2);
    for (const id of ids) await rig.redis.client('KILL', 'ID', id);
    await until(() => heard.length === 2);
    expect(heard[0]).toMatch(/^the connection to redis:.* was lost; it is being opened again$/);
    expect(heard[1]).toMatch(/^the connection to redis:.* is back$/);
    expect((await client.fetch(rig.url('/item/1'))).status).toBe(200);
    expect(heard).toHaveLength(2);
  });
});
