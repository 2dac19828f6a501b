import { defineScript, ignored } from '../define-script.ts';
import { workerTtlMs } from '../worker-record.ts';

/**
 * A worker says that it is alive, and drops from the list those that have said nothing for too long.
 *
 * id, json  what it says of itself
 */
export const announceScript = defineScript({
  keys: (keys, worker: string) => ({ workers: keys.workers, record: keys.worker(worker) }),
  args: ['id', 'json'],
  lua: `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('SET', record, json, 'PX', ${workerTtlMs})
-- As text: a number of its size would be written with an exponent.
redis.call('ZADD', workers, string.format('%.0f', now), id)
redis.call('ZREMRANGEBYSCORE', workers, '-inf', string.format('(%.0f', now - ${workerTtlMs}))
redis.call('PEXPIRE', workers, ${workerTtlMs})
`,
  read: ignored,
});

/** A worker takes no more jobs. */
export const departScript = defineScript({
  keys: (keys, worker: string) => ({ workers: keys.workers, record: keys.worker(worker) }),
  args: ['id'],
  lua: `
redis.call('ZREM', workers, id)
redis.call('UNLINK', record)
`,
  read: ignored,
});
