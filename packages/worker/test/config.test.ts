import { describe, expect, test } from 'vitest';
import { type Reader, SluiceError, validate, variables } from '@sluice/shared';
import { readWorkerConfig, workerConfigSchema } from '../src/config.ts';
import { z } from 'zod';

function faultsOf(env: Record<string, string | undefined>): Record<string, string> {
  try {
    readWorkerConfig(env);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    expect(error.code).toBe('SLUICE_INVALID_CONFIG');
    return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]));
  }
  return {};
}

const listed = Object.entries<readonly Reader[]>(variables);
const mine = listed.filter(([, readers]) => readers.includes('worker')).map(([name]) => name);
const others = listed.filter(([, readers]) => !readers.includes('worker')).map(([name]) => name);

describe('the environment of a worker', () => {
  test('has the variables that the table of all processes lists for it', () => {
    expect(Object.keys(workerConfigSchema.in.shape).sort()).toEqual(mine.sort());
  });

  test('that sets nothing has every default', () => {
    expect(readWorkerConfig({})).toMatchObject({
      redisUrl: 'redis://127.0.0.1:6379',
      prefix: '{sluice}',
      queues: '*',
      concurrency: 50,
      health: { port: 8080, host: '0.0.0.0' },
      graceMs: 25_000,
      lockMs: 60_000,
      stalledIntervalMs: 5000,
      logLevel: 'info',
    });
  });

  test('is read from its own variables only; an empty one counts as unset', () => {
    const env = { PATH: '/bin', REDIS_URL: 'nonsense', SLUICE_CONCURRENCY: '', SLUICE_GRACE: undefined };
    expect(readWorkerConfig(env)).toMatchObject({ concurrency: 50, graceMs: 25_000 });
  });

  test('names queues, separated by commas', () => {
    expect(readWorkerConfig({ SLUICE_QUEUES: 'a, b.c ,d' }).queues).toEqual(['a', 'b.c', 'd']);
    expect(readWorkerConfig({ SLUICE_QUEUES: ' * ' }).queues).toBe('*');
  });

  test('looks for stalled jobs at least four times in the duration of a lock', () => {
    expect(readWorkerConfig({ SLUICE_LOCK_DURATION: '8s' })).toMatchObject({
      lockMs: 8000,
      stalledIntervalMs: 2000,
    });
    expect(
      readWorkerConfig({ SLUICE_LOCK_DURATION: '8s', SLUICE_STALLED_INTERVAL: '1s' }).stalledIntervalMs,
    ).toBe(1000);
  });

  test('has units for times, and whole numbers for counts', () => {
    const env = {
      SLUICE_GRACE: '10s',
      SLUICE_LOCK_DURATION: '1m',
      SLUICE_CONCURRENCY: '7',
      SLUICE_HEALTH_PORT: '0',
    };
    expect(readWorkerConfig(env)).toMatchObject({
      graceMs: 10_000,
      lockMs: 60_000,
      concurrency: 7,
      health: { port: 0 },
    });
  });

  test.each([
    ['SLUICE_REDIS_URL', 'localhost:6379', 'must be a URL such as redis://localhost:6379'],
    ['SLUICE_REDIS_URL', 'http://localhost', 'must be a URL such as redis://localhost:6379'],
    ['SLUICE_PREFIX', 'sluice', 'must begin with a hash tag in braces, such as {sluice}'],
    ['SLUICE_PREFIX', '{a}:b', 'must begin with a hash tag'],
    ['SLUICE_QUEUES', 'a,,b', 'queue "" must be'],
    ['SLUICE_QUEUES', 'a,b:c', 'queue "b:c" must be'],
    ['SLUICE_CONCURRENCY', 'many', 'must be a number'],
    ['SLUICE_CONCURRENCY', '1.5', 'must be a whole number'],
    ['SLUICE_CONCURRENCY', '0', 'must be at least 1'],
    ['SLUICE_HEALTH_PORT', '65536', 'must be at most 65535'],
    ['SLUICE_GRACE', '30', '"30" is not a duration'],
    ['SLUICE_LOCK_DURATION', '1s', 'must be between 5s and 1h'],
    ['SLUICE_LOG_LEVEL', 'loud', 'info'],
    ['SLUICE_BODY_STORE', 's3://bucket/%ZZ', 'has a bad percent sign in its path'],
    ['SLUICE_BODY_STORE', 'file:///a%2Fb', 'has an encoded slash (%2F) in its path'],
    ['SLUICE_CONCURENCY', '5', 'unknown field; did you mean "SLUICE_CONCURRENCY"?'],
  ])('%s=%s is refused by name', (name, value, message) => {
    expect(faultsOf({ [name]: value })[name]).toContain(message);
  });

  test('has all its faults listed at once', () => {
    const env = { SLUICE_CONCURRENCY: '0', SLUICE_GRACE: 'soon', SLUICE_TYPO: 'x', SLUICE_PREFIX: 'p' };
    expect(Object.keys(faultsOf(env)).sort()).toEqual(Object.keys(env).sort());
  });

  test('may carry the marks of a test run', () => {
    expect(faultsOf({ SLUICE_TEST_RUN: '{}', SLUICE_TEST_REDIS_IMAGE: 'r' })).toEqual({});
    // One ConfigMap for all processes.
    expect(faultsOf(Object.fromEntries(others.map((name) => [name, 'x'])))).toEqual({});
  });
});

describe('validation', () => {
  const schema = z.strictObject({ jobs: z.array(z.strictObject({ url: z.string('must be text') })) });

  test('writes paths as in code', () => {
    const input = { jobs: [{ url: 'a' }, { url: 1, more: 1 }], other: 1 };
    expect(() => validate(schema, input, 'SLUICE_INVALID_SPEC', 'the list')).toThrow(
      'the list: jobs[1].url: must be text; jobs[1].more: unknown field; check its spelling or remove it; other: unknown field; check its spelling or remove it',
    );
  });

  test('gives the parsed value, and one error with the code and all faults', () => {
    expect(validate(schema, { jobs: [] }, 'SLUICE_INVALID_SPEC', 'x')).toEqual({ jobs: [] });
    const fail = () => validate(schema, 5, 'SLUICE_INVALID_POLICY', 'x');
    expect(fail).toThrow(
      expect.objectContaining({ name: 'SluiceError', code: 'SLUICE_INVALID_POLICY' }) as Error,
    );
  });
});
