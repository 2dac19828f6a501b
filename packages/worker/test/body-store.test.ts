import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  ApiClient,
  type BodyStore,
  type FetchResponse,
  JobError,
  connect,
} from '../../producer/src/index.ts';
import { patternBytes } from '../../../test/lab/upstream/bodies.ts';
import { Rig, loopback, quick, until } from './rig.ts';

const mebibyte = 2 ** 20;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let root: string;
let directory: string;
let rig: Rig;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sluice-bodies-'));
  directory = join(root, 'bodies');
  rig = await Rig.open({
    env: { SLUICE_BODY_STORE: pathToFileURL(directory).href },
    client: { bodyStore: pathToFileURL(directory).href },
    policy: {
      retry: { ...quick, attempts: 2 },
      maxBody: '10MiB',
      store: { above: '256KiB', maxBody: '400MiB' },
    },
  });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

const fetch = (path: string) => rig.sluice.fetch(rig.url(path));

/** Every file in the store, those half-written too. */
const files = (of = directory) =>
  readdirSync(of, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

/** Reads a stream and says how much it was, holding none of it. */
async function measure(response: FetchResponse): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of (await response.stream()) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    hash.update(chunk);
  }
  return { bytes, sha256: hash.digest('hex') };
}

// First, while the process is still small.
test('200 MB go through a worker in bounded memory', async () => {
  const before = process.memoryUsage().rss;
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5);
  const [plain, gzipped] = await Promise.all([fetch('/bytes/200000000'), fetch('/gzip/200000000')]);
  const sizes = [await measure(plain), await measure(gzipped)];
  clearInterval(watch);
  expect(sizes).toEqual(
    [plain, gzipped].map(({ stored }) => ({ bytes: 200_000_000, sha256: stored!.sha256 })),
  );
  // Worker, producer and upstream are this one process; 400 MB went through each of them.
  expect((peak - before) / mebibyte).toBeLessThan(150);
}, 60_000);

describe('a body', () => {
  test('that is small is part of the outcome, and can also be read as a stream', async () => {
    const response = await fetch('/bytes/262144');
    expect(response.stored).toBeUndefined();
    expect(patternBytes(262_144).equals(response.bytes())).toBe(true);
    expect(patternBytes(262_144).equals(await buffer(await response.stream()))).toBe(true);
    expect(await buffer(await (await fetch('/status/204')).stream())).toHaveLength(0);
  });

  test.each(['/bytes/262145', '/bytes/5000000', '/gzip/5000000'])(
    'that is large is in the store, with its size and hash in the outcome: %s',
    async (path) => {
      const { outcome, body } = await rig.end(path);
      const expected = patternBytes(Number(path.split('/')[2]));
      expect(body).toHaveLength(0);
      expect(outcome).toMatchObject({
        kind: 'response',
        response: { status: 200 },
        stored: { bytes: expected.length, sha256: sha256(expected) },
      });
      expect(expected.equals(await buffer(await rig.sluice.openBody(outcome.stored!)))).toBe(true);
    },
  );

  test('that is stored cannot be read synchronously: the error says how it can', async () => {
    const response = await fetch('/bytes/300000');
    for (const read of ['bytes', 'text', 'json', 'value'] as const) {
      expect(() => response[read]()).toThrow(
        expect.objectContaining({
          code: 'SLUICE_BODY_STORED',
          message: expect.stringContaining('(300000 bytes) is in the body store') as string,
        }) as Error,
      );
    }
    expect(patternBytes(300_000).equals(await buffer(await response.stream()))).toBe(true);
    // And again.
    expect((await measure(response)).bytes).toBe(300_000);
  });

  test('may be larger than maxBody of the queue when it is stored, up to that of the store', async () => {
    const response = await fetch('/gzip/20000000');
    expect(await measure(response)).toEqual({ bytes: 20_000_000, sha256: response.stored!.sha256 });
  });

  test.each(['/bytes/500000000', '/gzip/500000000'])(
    'that is larger than the limit of the store ends the job, and leaves nothing: %s',
    async (path) => {
      const before = files().length;
      const { outcome } = await rig.end(path);
      expect(outcome).toMatchObject({ kind: 'too-large', attempts: 1 });
      await until(() => files().length === before);
    },
  );

  test('of an answer that is retried leaves nothing', async () => {
    await using own = await Rig.open({
      env: { SLUICE_BODY_STORE: pathToFileURL(join(root, 'retried')).href },
      policy: { retry: { ...quick, attempts: 3 }, store: { above: 1 } },
    });
    const { outcome } = await own.end('/status/503?times=2');
    expect(outcome).toMatchObject({ kind: 'response', attempts: 3, stored: { bytes: 14 } });
    expect(files(join(root, 'retried'))).toHaveLength(1);
  });

  test('of the last rejected attempt is attached to the error', async () => {
    await using own = await Rig.open({
      env: { SLUICE_BODY_STORE: pathToFileURL(join(root, 'refused')).href },
      client: { bodyStore: pathToFileURL(join(root, 'refused')).href },
      policy: { retry: { ...quick, attempts: 1 }, store: { above: 1 } },
    });
    const error: unknown = await own.sluice.fetch(own.url('/status/500')).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(JobError);
    const { response } = error as JobError;
    expect((await buffer(await response!.stream())).toString()).toBe('{"status":500}');
  });

  test('that breaks off leaves nothing, and the job is retried', async () => {
    const before = files().length;
    const { outcome } = await rig.end('/reset?after=400000');
    expect(outcome).toMatchObject({ kind: 'network', attempts: 2 });
    expect(files()).toHaveLength(before);
  });

  test('that takes too long leaves nothing', async () => {
    const stalls = createServer((_request, response) => void response.write(patternBytes(400_000)));
    stalls.listen(0, '127.0.0.1');
    await once(stalls, 'listening');
    const before = files().length;
    const ended = rig.end(`http://127.0.0.1:${(stalls.address() as AddressInfo).port}/`, {
      timeoutMs: 700,
      attempts: 1,
    });
    await until(() => files().length === before + 1);
    expect((await ended).outcome).toMatchObject({ kind: 'timeout', attempts: 1 });
    await until(() => files().length === before);
    stalls.closeAllConnections();
    stalls.close();
  });
});

describe('without its store', () => {
  test('a worker is not ready, and a large body is a store-error that says so', async () => {
    await using own = await Rig.open({ idle: true, policy: { retry: { ...quick, attempts: 2 }, store: {} } });
    const pool = await own.startPool();
    await until(() => pool.notReady().length > 0);
    expect(pool.notReady()).toEqual(['queue "q" stores large bodies; set SLUICE_BODY_STORE']);
    const { outcome } = await own.end('/bytes/300000');
    expect(outcome).toMatchObject({
      kind: 'store-error',
      attempts: 2,
      error: {
        code: 'SLUICE_BODY_STORE',
        message: expect.stringContaining('its worker has no SLUICE_BODY_STORE') as string,
      },
    });
    expect((await own.end('/bytes/1000')).outcome.kind).toBe('response');
  });

  test('a producer says what is missing', async () => {
    const { id } = await rig.sluice.enqueue(rig.url('/bytes/300000'));
    await using other = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
    const response = await other.job(id).result();
    await expect(response.stream()).rejects.toMatchObject({
      code: 'SLUICE_BODY_STORE',
      message: expect.stringContaining('connect({ bodyStore })') as string,
    });
  });

  test('a worker does not start if the directory cannot be written to', async () => {
    await using own = await Rig.open({ idle: true });
    writeFileSync(join(root, 'file'), '');
    await expect(
      own.startPool({ SLUICE_BODY_STORE: pathToFileURL(join(root, 'file')).href }),
    ).rejects.toMatchObject({ code: 'SLUICE_INVALID_CONFIG' });
    await expect(own.startPool({ SLUICE_BODY_STORE: 'ftp://x' })).rejects.toMatchObject({
      code: 'SLUICE_INVALID_CONFIG',
      message: expect.stringContaining('SLUICE_BODY_STORE: must be a file: or s3: URL') as string,
    });
  });
});

describe('a stored body', () => {
  test('that is gone is an error that says so', async () => {
    const response = await fetch('/bytes/300000');
    rmSync(join(directory, response.stored!.key));
    await expect(response.stream()).rejects.toMatchObject({ code: 'SLUICE_BODY_STORE' });
  });

  test.each([
    ['changed', (bytes: Buffer) => bytes.fill(0, 10, 11)],
    ['cut off', (bytes: Buffer) => bytes.subarray(1)],
  ])('that was %s is an error at its end', async (_what, damage) => {
    const response = await fetch('/bytes/300000');
    writeFileSync(join(directory, response.stored!.key), damage(patternBytes(300_000)));
    await expect(measure(response)).rejects.toMatchObject({
      code: 'SLUICE_BODY_STORE',
      message: expect.stringContaining('is damaged') as string,
    });
  });

  test('can be left half-read', async () => {
    const response = await fetch('/bytes/5000000');
    const stream = await response.stream();
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(stream.destroyed).toBe(true);
  });

  test('is JSON to an ApiClient like any other', async () => {
    await using api = new ApiClient({
      sluice: rig.sluice,
      baseUrl: rig.upstream.url,
      queue: 'api',
      rate: 100,
      per: '1s',
      policy: { egress: loopback, store: { above: 10 } },
    });
    expect(await api.get('/json')).toMatchObject({ ok: true, text: 'Grüße' });
    await expect(api.get('/status/404')).rejects.toMatchObject({
      message: expect.stringContaining('answered 404: 14 bytes') as string,
    });
  });

  test('is read from a store of the caller’s own', async () => {
    const { id } = await rig.sluice.enqueue(rig.url('/bytes/300000'));
    const asked: string[] = [];
    const mine: Pick<BodyStore, 'get'> = {
      get: async (key) => {
        asked.push(key);
        return await rig.sluice.openBody((await rig.sluice.job(id).outcome()).outcome.stored!);
      },
    };
    await using other = await connect({
      redis: inject('redisUrl'),
      prefix: rig.prefix,
      queue: rig.queue,
      bodyStore: { ...mine, close: () => {} } as BodyStore,
    });
    const response = await other.job(id).result();
    expect((await measure(response)).bytes).toBe(300_000);
    expect(asked).toEqual([response.stored!.key]);
  });

  test('outlives its outcome, and expires after it', async () => {
    const keepMs = 10 * 3_600_000;
    const handle = await rig.sluice.enqueue(rig.url('/bytes/300000'), { keepMs });
    const { outcome } = await handle.outcome();
    const expiresAt = Number(outcome.stored!.key.split('/')[1]!.split('-')[0]) * 1000;
    expect(expiresAt).toBeGreaterThan(outcome.endedAt + keepMs);
    expect(expiresAt).toBeLessThan(outcome.endedAt + keepMs + 2 * 3_600_000);
  });
});

test('a worker that starts sweeps what has expired, and what a killed one left', async () => {
  const swept = join(root, 'swept');
  const hours = (n: number) => Math.floor(Date.now() / 1000) + n * 3600;
  mkdirSync(join(swept, 'gone'), { recursive: true });
  mkdirSync(join(swept, '.partial'), { recursive: true });
  const id = '-00000000-0000-4000-8000-000000000000';
  for (const at of [hours(-1), hours(1)]) writeFileSync(join(swept, 'gone', `${at}${id}`), 'body');
  writeFileSync(join(swept, '.partial', 'killed'), 'half');
  utimesSync(join(swept, '.partial', 'killed'), hours(-2), hours(-2));
  await using own = await Rig.open({ env: { SLUICE_BODY_STORE: pathToFileURL(swept).href } });
  await until(() => files(swept).length === 1);
  await sleep(50);
  expect(files(swept)).toHaveLength(1);
  expect(await own.bull.getWaitingCount()).toBe(0);
});

test('a job with a transform gets its body whole, and its result is part of the outcome', async () => {
  await using own = await Rig.open({
    env: {
      SLUICE_BODY_STORE: pathToFileURL(directory).href,
      SLUICE_TRANSFORMS: `shapes=${new URL('transforms/shapes.ts', import.meta.url).href}`,
    },
    policy: { store: {} },
  });
  const response = await own.sluice.fetch(own.url('/bytes/5000000'), { transform: 'shapes', meta: 'seen' });
  expect(response.stored).toBeUndefined();
  expect(response.value()).toMatchObject({ bytes: 5_000_000 });
});
