import { type Script, whenFull } from './script.ts';

/**
 * Removes failed jobs that are not kept any longer: those that failed too long ago, then the oldest of too many. A
 * bounded number, the oldest first: a script that removes a million keeps everybody from Redis for seconds. BullMQ
 * looks only when a job fails, and at all at once.
 *
 * KEYS  failed
 * ARGV  1 key of a job up to its id, 2 failed then or before (epoch ms), 3 how many are kept, 4 removed at most
 * Returns the number removed
 */
export const trimFailedScript: Script = {
  name: 'sluiceTrimFailed',
  keys: 1,
  lua: `${whenFull}
local most = tonumber(ARGV[4])
local ids = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[2], 'BYSCORE', 'LIMIT', 0, most)
if #ids == 0 then
  local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
  if excess > 0 then ids = redis.call('ZRANGE', KEYS[1], 0, math.min(excess, most) - 1) end
end
for _, id in ipairs(ids) do
  -- First: in a Cluster it is refused when the job has gone to another node already, and the job would be forgotten there.
  redis.call('UNLINK', ARGV[1] .. id, ARGV[1] .. id .. ':logs')
  redis.call('ZREM', KEYS[1], id)
end
return #ids
`,
};
