import { defineScript } from '../define-script.ts';

/**
 * Creates a batch for the jobs of one queue. One that has jobs already, or is sealed, cannot be bound any more: they may
 * be of other queues.
 *
 * ttlMs  of a batch that no job is added to
 *
 * Answer: the queue that it is bound to; '' none.
 */
export const bindBatchScript = defineScript({
  keys: (keys, batch: string) => ({ state: keys.batchState(batch) }),
  args: ['queue', 'ttlMs'],
  lua: `
local bound = redis.call('HGET', state, 'queue')
if bound then return bound end
if redis.call('EXISTS', state) == 1 then return '' end
redis.call('HSET', state, 'queue', queue)
redis.call('PEXPIRE', state, ttlMs)
return queue
`,
  read: (reply) => String(reply),
});
