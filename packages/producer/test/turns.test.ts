import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { until } from '../../worker/test/rig.ts';
import { Turns } from '../src/semaphore/turns.ts';

test('a user who may not listen is told so each time, and no connection is left behind', async () => {
  await using stack = new AsyncDisposableStack();
  const redis = new Redis(inject('redisUrl'));
  stack.defer(() => redis.disconnect());
  const user = `deaf-${process.pid}`;
  await redis.call('ACL', 'SETUSER', user, 'on', 'nopass', '~*', '+@all', 'resetchannels');
  stack.defer(async () => void (await redis.call('ACL', 'DELUSER', user)));
  const connections = async () => String(await redis.client('LIST')).split(`user=${user} `).length - 1;

  const url = new URL(inject('redisUrl'));
  url.username = user;
  url.password = 'any';
  const turns = new Turns('{t}/turns', () => Promise.resolve(new Redis(url.href)));
  for (let n = 0; n < 5; n++) await expect(turns.listening()).rejects.toThrow('NOPERM');
  await until(async () => (await connections()) === 0);
});
