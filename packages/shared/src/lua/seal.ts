import type { Script } from './script.ts';

/**
 * No more jobs are added to a batch: its total is known. An entry without an outcome wakes whoever reads its stream.
 *
 * KEYS  state of the batch, stream of the batch
 * ARGV  1 TTL of a batch that has none of its own (ms)
 * Returns 1 sealed, 0 it was sealed before
 */
export const sealScript: Script = {
  name: 'sluiceSeal',
  keys: 2,
  lua: `
if redis.call('HSETNX', KEYS[1], 'sealed', 1) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'sealed', '1')
local ttl = redis.call('HGET', KEYS[1], 'ttl') or ARGV[1]
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('PEXPIRE', KEYS[2], ttl)
return 1
`,
};
