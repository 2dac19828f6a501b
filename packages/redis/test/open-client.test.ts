import { describe, expect, test } from 'vitest';
import { type ClientOptions } from '../src/client-options.ts';
import { SluiceError } from '@sluice/shared';
import { assertServerVersion } from '../src/checks.ts';
import type { CreateClient } from '../src/create-client.ts';
import { redisFault } from '../src/faults.ts';
import { openClient } from '../src/open-client.ts';

const url = 'redis://user:secret@db.test:6379';

describe('a server is', () => {
  const info = (fields: string) => `# Server\r\n${fields.replaceAll('|', '\r\n')}\r\n`;

  test.each(['redis_version:7.0.0', 'redis_version:8.2.1', 'redis_version:7.2.4|valkey_version:8.0.1'])(
    'new enough with %s',
    (fields) => {
      expect(() => assertServerVersion(info(fields), url)).not.toThrow();
    },
  );

  test.each([
    ['redis_version:6.2.14', 'Redis 6.2.14'],
    ['redis_version:7.2.4|valkey_version:7.2.5', 'Valkey 7.2.5'],
    ['nothing:here', 'Redis unknown'],
  ])('too old with %s, and is called by its name', (fields, name) => {
    const judge = () => assertServerVersion(info(fields), url);
    expect(judge).toThrow(`redis://user:***@db.test:6379 is ${name}; Sluice needs Redis 7.0`);
    expect(judge).toThrow(expect.objectContaining({ code: 'SLUICE_REDIS_VERSION' }) as Error);
  });
});

describe('what Redis or its client throws becomes', () => {
  test.each([
    ['NOAUTH Authentication required.', 'SLUICE_REDIS_AUTH'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'SLUICE_REDIS_AUTH'],
    ['ERR AUTH <password> called without any password configured', 'SLUICE_REDIS_AUTH'],
    ["NOPERM this user has no permissions to run the 'info' command", 'SLUICE_REDIS_AUTH'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'SLUICE_REDIS_FULL'],
    ['connect ECONNREFUSED 127.0.0.1:6379', 'SLUICE_REDIS_UNREACHABLE'],
    ['getaddrinfo ENOTFOUND db.test', 'SLUICE_REDIS_UNREACHABLE'],
    ['', 'SLUICE_REDIS_UNREACHABLE'],
  ])('"%s": %s, with the server and without the password', (text, code) => {
    const cause = new Error(text);
    const fault = redisFault(cause, url);
    expect(fault).toMatchObject({ code, cause });
    expect(fault.message).toContain('redis://user:***@db.test:6379');
    expect(fault.message).not.toContain('secret');
  });

  test.each([
    [
      'failed to connect to sentinel a:1 because ERR No such master with that name',
      'names a primary that its Sentinels do not know',
    ],
    ['failed to connect to sentinel a:1 because Connection is closed.', 'are the Sentinels running there?'],
    ['failed to connect to sentinel a:1 because NOAUTH Authentication required.', 'sentinel_password=…'],
    ['NOREPLICAS Not enough good replicas to write.', 'min-replicas-to-write'],
  ])('"%s" behind Sentinels: %s', (text, advice) => {
    const fault = redisFault(new Error(text), 'redis+sentinel://:secret@a:1/main');
    expect(fault.message).toContain(advice);
    expect(fault.message).toContain('redis+sentinel://:***@a:1/main');
    expect(fault.message).not.toContain('secret@');
  });

  test.each([
    ['MOVED 1 a:1', 'no node of redis+cluster://:***@a:1 serves the prefix for now (MOVED 1 a:1)'],
    ['CLUSTERDOWN The cluster is down', 'serves the prefix for now'],
    ['ERR This instance has cluster support disabled', 'is not a Cluster; write redis://host:port'],
    ['NOAUTH Authentication required.', 'redis+cluster://user:password@host:port'],
  ])('"%s" in a Cluster: %s', (text, advice) => {
    const fault = redisFault(new Error(text), 'redis+cluster://:secret@a:1');
    expect(fault.message).toContain(advice);
    expect(fault.message).not.toContain('secret@');
  });

  test('itself, when it is an error of ours', () => {
    const own = new SluiceError('SLUICE_CLOSED', 'x');
    expect(redisFault(own, url)).toBe(own);
  });
});

describe('opening a connection', () => {
  type Told = { target: string; options: ClientOptions; disconnected: boolean };

  function client(
    told: Told,
    behave: { connect?: () => Promise<void>; error?: Error; version?: string; role?: string; mode?: string },
  ) {
    const create = (target: string, options: ClientOptions) => {
      told.target = target;
      told.options = options;
      return {
        status: 'ready',
        subscribe: () => Promise.resolve(1),
        call: () => Promise.resolve(null),
        duplicate: () => undefined,
        connect: behave.connect ?? (() => Promise.resolve()),
        info: () =>
          Promise.resolve(
            `redis_version:${behave.version ?? '7.0.15'}\r\nredis_mode:${behave.mode ?? 'standalone'}\r\nmaxmemory_policy:noeviction\r\nrole:${behave.role ?? 'master'}\r\n`,
          ),
        disconnect: () => {
          told.disconnected = true;
        },
        on: (event: string, listener: (...args: never[]) => void) => {
          if (behave.error && event === 'error') (listener as (error: unknown) => void)(behave.error);
        },
      };
    };
    return { create: create as unknown as CreateClient };
  }
  const nothing = (): Told => ({ target: '', options: {} as ClientOptions, disconnected: false });

  test('tries once, and from then on for ever', async () => {
    const told = nothing();
    let before: number | null = 0;
    const connect = async () => {
      before = told.options.retryStrategy(1);
    };
    await openClient({ url, prefix: '{p}' }, client(told, { connect }));
    expect(before).toBeNull();
    expect(told.options.retryStrategy(1)).toBe(100);
    expect(told.options.retryStrategy(50)).toBe(2000);
    expect(told.disconnected).toBe(false);
  });

  test('that fails tells the first reason, not that the connection is closed, and lets go of it', async () => {
    const told = nothing();
    const connect = () => Promise.reject(new Error('Connection is closed.'));
    const opening = openClient(
      { url, prefix: '{p}' },
      client(told, { connect, error: new Error('WRONGPASS no') }),
    );
    await expect(opening).rejects.toMatchObject({ code: 'SLUICE_REDIS_AUTH' });
    expect(told.disconnected).toBe(true);
  });

  test('to a server that is too old is closed again', async () => {
    const told = nothing();
    const opening = openClient({ url, prefix: '{p}' }, client(told, { version: '6.0.0' }));
    await expect(opening).rejects.toMatchObject({ code: 'SLUICE_REDIS_VERSION' });
    expect(told.disconnected).toBe(true);
  });

  test('to a replica is closed again', async () => {
    const told = nothing();
    const opening = openClient({ url, prefix: '{p}' }, client(told, { role: 'slave' }));
    await expect(opening).rejects.toThrow('@db.test:6379 is a replica and takes no writes; name the primary');
    expect(told.disconnected).toBe(true);
  });

  test('gives way to a server that refuses writes, and sends the command again', async () => {
    const told = nothing();
    await openClient({ url, prefix: '{p}' }, client(told, {}));
    const { reconnectOnError, retryStrategy } = told.options;
    expect(reconnectOnError(new Error('ERR unknown command'))).toBe(false);
    expect(retryStrategy(1)).toBe(100);
    for (const refusal of ['READONLY You cannot', 'NOREPLICAS Not enough', 'MASTERDOWN Link']) {
      expect(reconnectOnError(new Error(refusal))).toBe(2);
      expect(retryStrategy(1), 'not at once: it would be refused again').toBe(500);
    }
  });

  test('through Sentinels asks them, one after another, with their own password', async () => {
    const told = nothing();
    await openClient(
      {
        url: 'rediss+sentinel://us%40er:se%3Acret@one:1,[::2]/main-1/3?sentinel_password=p%26w',
        prefix: '{p}',
      },
      client(told, {}),
    );
    expect(told.target).toBe('redis://one:1');
    expect(told.options).toMatchObject({
      sentinels: [
        { host: 'one', port: 1 },
        { host: '::2', port: 26379 },
      ],
      name: 'main-1',
      db: 3,
      username: 'us@er',
      password: 'se:cret',
      sentinelPassword: 'p&w',
      tls: {},
      sentinelTLS: {},
      enableTLSForSentinelMode: true,
    });
    expect(told.options).not.toHaveProperty('sentinelUsername');
    expect(told.options.sentinelRetryStrategy!(1)).toBe(100);
  });

  test('to a node of a Cluster is closed again, unless the URL is one of a Cluster', async () => {
    const told = nothing();
    const opening = openClient({ url, prefix: '{p}' }, client(told, { mode: 'cluster' }));
    await expect(opening).rejects.toThrow(
      'is a node of a Cluster, and another node may have the prefix; write redis+',
    );
    expect(told.disconnected).toBe(true);
    await openClient({ url: 'redis+cluster://a', prefix: '{p}' }, client(nothing(), { mode: 'cluster' }));
  });

  test('in a Cluster leaves a node that has not the slot; the parts of a transaction are not sent again alone', async () => {
    const told = nothing();
    await openClient({ url: 'rediss+cluster://:pw@a,b:1', prefix: '{p}' }, client(told, {}));
    expect(told.target).toBe('redis://a:6379');
    expect(told.options).toMatchObject({
      password: 'pw',
      tls: {},
      Connector: expect.any(Function) as unknown,
    });
    const { reconnectOnError, retryStrategy } = told.options;
    const refused = (message: string, name: string) =>
      reconnectOnError(Object.assign(new Error(message), { command: { name } }));
    expect(refused('MOVED 1 a:1', 'evalsha')).toBe(1);
    expect(retryStrategy(1), 'at once: another node has it').toBe(100);
    expect(refused('CLUSTERDOWN The cluster is down', 'evalsha')).toBe(1);
    expect(retryStrategy(1)).toBe(500);
    expect(refused('TRYAGAIN Multiple keys', 'evalsha')).toBe(false);
    for (const message of ['MOVED 1 a:1', 'ASK 1 a:1', 'UNBLOCKED by nobody', 'READONLY You']) {
      expect(refused(message, 'BZPOPMIN'), message).toBe(message.startsWith('UNB') ? false : 2);
    }
  });

  test('takes a socket path from its URL', async () => {
    const told = nothing();
    await openClient({ url: 'redis+unix:///run/my%20redis.sock', prefix: '{p}' }, client(told, {}));
    expect(told.target).toBe('/run/my redis.sock');
  });
});
