import { existsSync } from 'node:fs';
import { Redis } from 'ioredis';
import { describe, expect, inject, test } from 'vitest';
import { installedServer, startOwnRedis } from './redis.ts';

const connect = (url: string) => new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null });

test('the run has one Redis, new enough, that answers and evicts nothing', async () => {
  const redis = connect(inject('redisUrl'));
  const version = /redis_version:(\d+)/.exec(await redis.info('server'))?.[1];
  expect(Number(version)).toBeGreaterThanOrEqual(7);
  expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  redis.disconnect();
});

describe.skipIf(!installedServer())("a test's own Redis", () => {
  test('keeps its port, and with an append-only file its data, over kill and restart', async () => {
    await using own = await startOwnRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
    const before = connect(own.url);
    await before.set('key', 'kept');
    before.disconnect();

    await own.kill();
    expect(own.pid).toBeUndefined();
    await own.restart();

    const after = connect(own.url);
    expect(await after.get('key')).toBe('kept');
    after.disconnect();
  });

  test('does not answer while it is frozen, and goes on when woken', async () => {
    await using own = await startOwnRedis();
    const redis = connect(own.url);
    await redis.ping();
    await own.kill('SIGSTOP');
    let answered = false;
    const answer = redis.ping().then(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    await own.kill('SIGCONT');
    await answer;
    redis.disconnect();
  });

  test('leaves neither process nor folder behind', async () => {
    const own = await startOwnRedis();
    const pid = own.pid ?? 0;
    await own.stop();
    await own.stop();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(existsSync(own.dir)).toBe(false);
  });

  test('says what the server said when it does not start', async () => {
    await expect(startOwnRedis(['--no-such-setting', '1'])).rejects.toThrow(/no-such-setting/);
  });
});
