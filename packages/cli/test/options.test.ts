import { expect, test } from 'vitest';
import { type RawRunOptions, readRunOptions } from '../src/run/options.ts';
import { judgeServer } from '../src/run/redis/server-binary.ts';
import { workerEnvironment, workerFlags } from '../src/run/workers/environment.ts';

const read = (raw: Partial<RawRunOptions>, env = {}) =>
  readRunOptions({ concurrency: '10', workers: '2', ...raw }, env);

test('an option beats its variable, and an empty variable is none', () => {
  const env = { SLUICE_REDIS_URL: 'redis://env:1', SLUICE_PREFIX: '{env}' };
  expect(read({}, env)).toMatchObject({ redis: 'redis://env:1', prefix: '{env}' });
  expect(read({ redis: 'redis://option:1', prefix: '{option}' }, env)).toMatchObject({
    redis: 'redis://option:1',
    prefix: '{option}',
  });
  expect(read({}, { SLUICE_REDIS_URL: '', SLUICE_PREFIX: '' })).toMatchObject({
    redis: undefined,
    prefix: undefined,
  });
});

test('only what was typed becomes part of the policy', () => {
  expect(read({}).policy).toEqual({ concurrency: { worker: 10 } });
  const raw = {
    rate: '5/s',
    attempts: '3',
    timeout: '2s',
    maxBody: '1KiB',
    allowNet: ['10.0.0.0/8,127.0.0.0/8', '::1/128'],
    ports: '443,9200',
  };
  expect(read({ ...raw, queue: 'partner', redis: 'redis://r:1' }).policy).toEqual({
    rate: '5/s',
    retry: { attempts: 3 },
    timeout: '2s',
    maxBody: '1KiB',
    egress: { allow: ['10.0.0.0/8', '127.0.0.0/8', '::1/128'], ports: [443, 9200] },
  });
});

test('every fault is listed, and a variable is named as such', () => {
  expect(() => read({ workers: '-1', attempts: '0', prefix: 'x' }, { SLUICE_REDIS_URL: 'nonsense' })).toThrow(
    /--workers[^]*--attempts[^]*SLUICE_REDIS_URL: must be a URL[^]*--prefix: must begin with a hash tag/,
  );
});

test("a worker gets its own variables, and none of its parent's", () => {
  const env = { PATH: '/bin', SLUICE_REDIS_URL: 'redis://other:1', SLUICE_GRACE: '1s', SLUICE_TYPO: 'x' };
  const settings = { redis: 'redis://r:1', prefix: '{p}', queue: 'q', concurrency: 3, privateRedis: false };
  expect(workerEnvironment(env, settings)).toEqual({
    PATH: '/bin',
    SLUICE_REDIS_URL: 'redis://r:1',
    SLUICE_PREFIX: '{p}',
    SLUICE_QUEUES: 'q',
    SLUICE_CONCURRENCY: '3',
    SLUICE_HEALTH_PORT: '0',
    SLUICE_LOG_LEVEL: 'warn',
  });
  expect(workerFlags(['--conditions=x', '--inspect-brk=1', '--inspect'])).toEqual(['--conditions=x']);
});

test('a server program is judged by its own words', () => {
  const redis = 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1';
  expect(judgeServer(redis)).toEqual({ version: '7.0.15', usable: true });
  expect(judgeServer(redis.replace('7.0.15', '6.2.14'))).toEqual({ version: '6.2.14', usable: false });
  expect(judgeServer('Valkey server v=7.2.5 sha=0')).toEqual({ version: '7.2.5', usable: false });
  expect(judgeServer('Valkey server v=8.1.0 sha=0')).toEqual({ version: '8.1.0', usable: true });
  expect(judgeServer('hello')).toBeNull();
});
