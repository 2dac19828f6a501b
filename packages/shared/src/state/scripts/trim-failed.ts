import { defineScript } from '../define-script.ts';

/**
 * Removes failed jobs that are not kept any longer: those that failed too long ago, then the oldest of too many. A
 * bounded number, the oldest first: a script that removes a million keeps everybody from Redis for seconds. BullMQ
 * looks only when a job fails, and at all at once.
 *
 * jobKey  key of a job up to its id
 * before  failed then or before (epoch ms)
 * kept    how many are kept
 * most    removed at most
 *
 * Answer: the number removed.
 */
export const trimFailedScript = defineScript({
  keys: (keys, queue: string) => ({ failed: keys.bull(queue).failed }),
  args: ['jobKey', 'before', 'kept', 'most'],
  whenFull: true,
  lua: `
local ids = redis.call('ZRANGE', failed, '-inf', before, 'BYSCORE', 'LIMIT', 0, most)
if #ids == 0 then
  local excess = redis.call('ZCARD', failed) - tonumber(kept)
  if excess > 0 then ids = redis.call('ZRANGE', failed, 0, math.min(excess, tonumber(most)) - 1) end
end
for _, id in ipairs(ids) do
  -- First: in a Cluster it is refused when the job has gone to another node already, and the job would be forgotten there.
  redis.call('UNLINK', jobKey .. id, jobKey .. id .. ':logs')
  redis.call('ZREM', failed, id)
end
return #ids
`,
  read: Number,
});
