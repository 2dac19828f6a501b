import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JobError } from '../../producer/src/index.ts';
import { Rig, quick, until } from './rig.ts';

const module = (file: string) => new URL(`transforms/${file}`, import.meta.url).href;
const env = {
  SLUICE_TRANSFORMS: [
    `shapes=${module('shapes.ts')}`,
    `heavy=${module('heavy.ts')}`,
    `stuck=${module('stuck.ts')}`,
    `plain=${module('plain.mjs')}`,
  ].join(', '),
  SLUICE_TRANSFORM_THREADS: '2',
  SLUICE_TRANSFORM_TIMEOUT: '2500ms',
};

let rig: Rig;
let scratch: string;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'sluice-transform-'));
  rig = await Rig.open({ env, policy: { retry: { ...quick, attempts: 3 }, maxBody: '1MiB' } });
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true });
});

const fetch = (path: string, transform: string, meta?: string | number) =>
  rig.sluice.fetch(rig.url(path), { transform, ...(meta === undefined ? {} : { meta }) });

const failure = async (path: string, transform: string, meta?: string | number): Promise<JobError> => {
  const error: unknown = await fetch(path, transform, meta).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(JobError);
  return error as JobError;
};

describe('a transform', () => {
  test('gets status, headers, URL, body and meta, and its JSON value replaces the body', async () => {
    const response = await fetch('/bytes/5000', 'shapes', 'seen');
    const expected = {
      status: 200,
      type: 'application/octet-stream',
      url: rig.url('/bytes/5000'),
      bytes: 5000,
      first: [0, 1, 2],
    };
    expect(response.value()).toEqual(expected);
    expect(response.json()).toEqual(expected);
    expect(response).toMatchObject({
      status: 200,
      transformed: { name: 'shapes', contentType: 'application/json' },
    });
  });

  test.each([
    ['text', 'Grüße', 'text/plain; charset=utf-8'],
    ['bytes', new Uint8Array([121, 116]), 'application/octet-stream'],
    ['later', [1, 2], 'application/json'],
    ['null', null, 'application/json'],
  ])('may return %s', async (meta, value, contentType) => {
    const response = await fetch('/json', 'shapes', meta);
    const got = response.value();
    expect(got instanceof Uint8Array ? new Uint8Array(got) : got).toEqual(value);
    expect(response.transformed).toEqual({ name: 'shapes', contentType });
  });

  test('may be a module without types', async () => {
    expect((await fetch('/json', 'plain')).value()).toBe('Grüße');
  });

  test('runs on every final status, and sees which', async () => {
    const response = await fetch('/status/404', 'shapes', 'seen');
    expect(response.status).toBe(404);
    expect(response.value()).toMatchObject({ status: 404 });
  });

  test('runs once, on the attempt that ends the job', async () => {
    const response = await fetch('/status/503?times=2&case=transform', 'shapes', 'seen');
    expect(response.attempts).toBe(3);
    expect(response.value()).toMatchObject({ status: 200 });
  });

  test('does not run if there is no response: the job ends as it would have', async () => {
    expect(await failure('/status/503?case=last', 'shapes', 'throw')).toMatchObject({
      code: 'SLUICE_HTTP_ERROR',
    });
  });
});

describe('the end of a job whose transform fails', () => {
  test.each([
    ['throw', 'RangeError: no price on the page'],
    ['thrown text', 'it threw thrown text'],
    ['nothing', 'it returned undefined, which is not a JSON value'],
    ['circle', 'circular'],
    ['large', 'larger than 1048576 (maxBody of the queue)'],
    ['exit', 'its thread ended'],
  ])('is an outcome that says why: %s', async (meta, message) => {
    const path = `/json?case=${encodeURIComponent(meta)}`;
    const error = await failure(path, 'shapes', meta);
    expect(error.code).toBe('SLUICE_TRANSFORM');
    expect(error.message).toContain(message);
    expect(error.message).toContain('"shapes" failed on a response with status 200');
    expect(error.outcome).toMatchObject({ kind: 'transform-error', attempts: 1, meta });
    // The response is not lost with it, and not asked for again.
    expect(error.response?.json()).toMatchObject({ ok: true });
    expect((await rig.seen()).filter((seen) => seen.endsWith(path))).toHaveLength(1);
  });

  test('is SLUICE_UNKNOWN_TRANSFORM before any request if the worker has no such transform', async () => {
    const error = await failure('/json?case=unknown', 'prase');
    expect(error.code).toBe('SLUICE_UNKNOWN_TRANSFORM');
    expect(error.message).toContain('the worker has: shapes, heavy, stuck, plain');
    expect(error.outcome).toMatchObject({ kind: 'transform-error', attempts: 0 });
    expect((await rig.seen()).some((seen) => seen.includes('case=unknown'))).toBe(false);
  });

  test('comes at the timeout if it is stuck; its thread is ended, and the others go on', async () => {
    const file = join(scratch, 'alive');
    const started = performance.now();
    let isOver = false;
    const stuck = failure('/json', 'stuck', file).finally(() => (isOver = true));
    await until(() => statSync(file, { throwIfNoEntry: false }) !== undefined);
    const first = await fetch('/json', 'shapes', 'text');
    expect(isOver).toBe(false);
    const rest = await Promise.all(Array.from({ length: 19 }, () => fetch('/json', 'shapes', 'text')));
    const others = [first, ...rest];
    expect(others.every((other) => other.value() === 'Grüße')).toBe(true);

    const error = await stuck;
    expect(performance.now() - started).toBeGreaterThan(2400);
    expect(error.code).toBe('SLUICE_TRANSFORM');
    expect(error.message).toContain('it took longer than 2500ms and was ended');
    await sleep(100);
    const last = readFileSync(file, 'utf8');
    await sleep(100);
    expect(readFileSync(file, 'utf8')).toBe(last);
    expect((await fetch('/json', 'shapes', 'text')).value()).toBe('Grüße');
  });

  test('comes for each of more stuck transforms than there are threads', async () => {
    const errors = await Promise.all(Array.from({ length: 5 }, () => failure('/json', 'stuck')));
    expect(errors.every((error) => error.message.includes('took longer'))).toBe(true);
    expect((await fetch('/json', 'shapes', 'text')).value()).toBe('Grüße');
  });

  test('is `cancelled` when the job is cancelled meanwhile; the thread is ended', async () => {
    const file = join(scratch, 'cancelled');
    const handle = await rig.sluice.enqueue({ url: rig.url('/json'), transform: 'stuck', meta: file });
    await until(() => statSync(file, { throwIfNoEntry: false }) !== undefined);
    await handle.cancel();
    const { outcome } = await handle.outcome();
    expect(outcome.kind).toBe('cancelled');
  });
});
