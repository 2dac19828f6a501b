import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bodyStoreUrlSchema } from '../src/url.ts';
import { patternBytes, patternStream } from '../../../test/lab/upstream/bodies.ts';
import { type BodyStore, bodyKey, openBodyStore } from '../src/index.ts';
import { S3Server } from './s3-server.ts';

const hour = 3_600_000;
const key = (expiresAt = Date.now() + hour) => bodyKey('q', expiresAt, randomUUID());

let root: string;
let s3: S3Server;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sluice-bodies-'));
  s3 = await S3Server.start();
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

/** Every file below the directory. */
const files = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

async function* failing(bytes: number): AsyncGenerator<Uint8Array> {
  yield* patternStream(bytes) as AsyncIterable<Uint8Array>;
  throw new RangeError('the source failed');
}

describe.each(['file', 's3'])('a body store at %s:', (scheme) => {
  let store: BodyStore;
  let leftovers: () => number;
  beforeEach(async () => {
    const directory = mkdtempSync(join(root, 'store-'));
    s3.objects.clear();
    s3.uploads.clear();
    s3.calls.length = 0;
    leftovers = () => (scheme === 'file' ? files(directory).length : s3.objects.size + s3.uploads.size);
    const url =
      scheme === 'file'
        ? pathToFileURL(directory).href
        : `s3://bodies/some/where?endpoint=${encodeURIComponent(s3.endpoint)}&region=eu-central-1`;
    store = await openBodyStore(bodyStoreUrlSchema.parse(url), 'write');
  });

  test.each([0, 1, 300_000, 20_000_000])('gives back a body of %d bytes', async (bytes) => {
    const name = key();
    await store.put(name, patternStream(bytes) as AsyncIterable<Uint8Array>);
    expect(patternBytes(bytes).equals(await buffer(await store.get(name)))).toBe(true);
    expect(leftovers()).toBe(1);
    await store.delete(name);
    expect(leftovers()).toBe(0);
  });

  test.each([300_000, 20_000_000])(
    'keeps nothing of a body whose source fails after %d bytes',
    async (bytes) => {
      const name = key();
      await expect(store.put(name, failing(bytes))).rejects.toThrow('the source failed');
      expect(leftovers()).toBe(0);
      await expect(store.get(name)).rejects.toMatchObject({ code: 'SLUICE_BODY_STORE' });
    },
  );

  test('keeps nothing of a body whose storing was aborted', async () => {
    const stop = new AbortController();
    const hanging = async function* (): AsyncGenerator<Uint8Array> {
      yield patternBytes(20_000_000);
      setTimeout(() => stop.abort(), 50);
      await new Promise(() => {});
    };
    await expect(store.put(key(), hanging(), stop.signal)).rejects.toThrow();
    expect(leftovers()).toBe(0);
  });

  test('does not show a body before it is whole', async () => {
    const name = key();
    const half = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const slow = async function* (): AsyncGenerator<Uint8Array> {
      yield patternBytes(12_000_000);
      half.resolve();
      await go.promise;
      yield patternBytes(1);
    };
    const put = store.put(name, slow());
    await half.promise;
    await expect(store.get(name)).rejects.toMatchObject({ code: 'SLUICE_BODY_STORE' });
    go.resolve();
    await put;
    expect((await buffer(await store.get(name))).length).toBe(12_000_001);
  });

  test('deletes what is not there without a fault', async () => {
    await store.delete(key());
  });

  test.each([
    '../../etc/passwd',
    'q/../../../etc/passwd',
    '/etc/passwd',
    'q/1700000000-..',
    `.partial/1700000000-${randomUUID()}`,
    `q\0/1700000000-${randomUUID()}`,
    `a/b/1700000000-${randomUUID()}`,
    '',
  ])('refuses the key %j', async (bad) => {
    const refusal = { code: 'SLUICE_BODY_STORE', message: expect.stringContaining('not the key') as string };
    await expect(store.get(bad)).rejects.toMatchObject(refusal);
    await expect(store.delete(bad)).rejects.toMatchObject(refusal);
    await expect(store.put(bad, failing(0))).rejects.toMatchObject(refusal);
    expect(leftovers()).toBe(0);
  });
});

describe('a directory', () => {
  test('is swept of what has expired, and of what killed workers left half-written; of nothing else', async () => {
    const directory = mkdtempSync(join(root, 'sweep-'));
    const store = await openBodyStore({ type: 'filesystem', directory }, 'write');
    const now = Date.now();
    const [fresh, old] = [key(now + 10_000), key(now - 10_000)];
    for (const name of [fresh, old]) await store.put(name, patternStream(10) as AsyncIterable<Uint8Array>);
    writeFileSync(join(directory, 'q', 'README'), 'of somebody');
    mkdirSync(join(directory, '.partial'), { recursive: true });
    for (const name of ['running', 'killed']) writeFileSync(join(directory, '.partial', name), 'half');
    utimesSync(join(directory, '.partial', 'killed'), new Date(now - 2 * hour), new Date(now - 2 * hour));

    expect(await store.sweep(now)).toBe(2);
    expect(
      files(directory)
        .map((file) => file.name)
        .sort(),
    ).toEqual(['README', fresh.slice(2), 'running'].sort());
    expect(await store.sweep(now + 3 * hour)).toBe(2);
  });

  test('is made where there is none, and refused where it cannot be written to', async () => {
    const directory = join(root, 'new', 'deep');
    await openBodyStore({ type: 'filesystem', directory }, 'write');
    expect(statSync(directory).isDirectory()).toBe(true);
    writeFileSync(join(root, 'file'), '');
    for (const bad of [join(root, 'file', 'below'), join(root, 'file'), '/proc/bodies']) {
      await expect(openBodyStore({ type: 'filesystem', directory: bad }, 'write')).rejects.toMatchObject({
        code: 'SLUICE_INVALID_CONFIG',
      });
    }
  });
});

describe('S3', () => {
  const open = () =>
    openBodyStore(
      { type: 's3', bucket: 'bodies', prefix: 'p', endpoint: s3.endpoint, region: 'us-east-1' },
      'write',
    );

  test('gets a small body in one request, a large one in parts', async () => {
    s3.calls.length = 0;
    const store = await open();
    const [small, large] = [key(), key()];
    await store.put(small, patternStream(300_000) as AsyncIterable<Uint8Array>);
    await store.put(large, patternStream(20_000_000) as AsyncIterable<Uint8Array>);
    expect(s3.calls.map(({ what }) => what).sort()).toEqual(
      ['PUT object', 'POST create', 'PUT part', 'PUT part', 'PUT part', 'POST upload'].sort(),
    );
    expect([...s3.objects.keys()]).toContain(`bodies/p/${small}`);
  });

  test.each(['PUT object', 'POST create', 'PUT part', 'POST upload'])(
    'that refuses %s makes the put fail, and nothing stays',
    async (what) => {
      s3.objects.clear();
      s3.uploads.clear();
      s3.refuses = what;
      try {
        const store = await open();
        const bytes = what === 'PUT object' ? 10 : 20_000_000;
        await expect(store.put(key(), patternStream(bytes) as AsyncIterable<Uint8Array>)).rejects.toThrow(
          'AccessDenied',
        );
        expect(s3.objects.size + s3.uploads.size).toBe(0);
      } finally {
        s3.refuses = null;
      }
    },
  );
});

describe('the URL of a body store', () => {
  test.each([
    ['file:///var/lib/sluice/bodies', { type: 'filesystem', directory: '/var/lib/sluice/bodies' }],
    ['file:///a%20b/%C3%BC', { type: 'filesystem', directory: '/a b/ü' }],
    ['s3://bucket/a%20b', { type: 's3', bucket: 'bucket', prefix: 'a b', endpoint: null, region: null }],
    ['s3://bucket', { type: 's3', bucket: 'bucket', prefix: '', endpoint: null, region: null }],
    [
      's3://bucket/a/b/?endpoint=http://localhost:9000&region=eu-west-1',
      { type: 's3', bucket: 'bucket', prefix: 'a/b', endpoint: 'http://localhost:9000', region: 'eu-west-1' },
    ],
  ])('%s', (url, location) => {
    expect(bodyStoreUrlSchema.parse(url)).toEqual(location);
  });

  test.each([
    ['/var/lib/bodies', 'must be a file: or s3: URL'],
    ['https://example.com', 'must be a file: or s3: URL'],
    ['file:///', 'must be of the form file:///directory'],
    ['file://host/bodies', 'must be of the form file:///directory'],
    ['file:///bodies?x=1', 'must be of the form file:///directory'],
    ['s3://Bad_Bucket/', 'is not the name of a bucket'],
    ['s3:///prefix', 'is not the name of a bucket'],
    ['s3://key:secret@bucket', 'has credentials'],
    ['s3://bucket?regoin=x', 'unknown option'],
    ['s3://bucket?endpoint=localhost', 'is not an http or https URL'],
    ['s3://bucket/%ZZ', 'has a bad percent sign in its path; write a literal % as %25'],
    ['s3://bucket/a%', 'has a bad percent sign in its path'],
    ['s3://bucket/%ff', 'has a bad percent sign in its path'],
    ['s3://bucket/a%00b', 'has a control character in its path'],
    ['file:///a%2Fb', 'has an encoded slash (%2F) in its path; write /'],
    ['file:///a%2fb', 'has an encoded slash'],
    ['file:///%ZZ', 'has a bad percent sign in its path'],
    ['file:///%C3%28', 'has a bad percent sign in its path'],
    ['file:///a%00b', 'has a control character in its path'],
  ])('%s is refused: %s', (url, message) => {
    expect(() => bodyStoreUrlSchema.parse(url)).toThrow(message);
  });
});
