import { defineScript, isOne } from '../define-script.ts';

/**
 * No more jobs are added to a batch: its total is known. An entry without an outcome wakes whoever reads its stream.
 *
 * ttlMs  of a batch that has none of its own
 *
 * Answer: it was not sealed before.
 */
export const sealScript = defineScript({
  keys: (keys, batch: string) => ({ state: keys.batchState(batch), stream: keys.batch(batch) }),
  args: ['ttlMs'],
  lua: `
if redis.call('HSETNX', state, 'sealed', 1) == 0 then return 0 end
redis.call('XADD', stream, '*', 'sealed', '1')
local ttl = redis.call('HGET', state, 'ttl') or ttlMs
redis.call('PEXPIRE', state, ttl)
redis.call('PEXPIRE', stream, ttl)
return 1
`,
  read: isOne,
});
