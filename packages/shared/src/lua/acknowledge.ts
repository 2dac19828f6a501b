import { outcomeMarker } from './settle.ts';

/**
 * The producer has these replies: they leave its stream, and the markers of jobs that are gone from their queue, or
 * lie there as failed, are dropped (a job that has not finished may be run again by a stalled check, and the marker then
 * stops it). Outcomes that are kept stay until their TTL.
 *
 * KEYS  reply stream, then per job: its outcome, its BullMQ hash (so the number of keys is given with each call)
 * ARGV  1 id of the last reply delivered
 */
export const acknowledgeLua = `
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
redis.call('XDEL', KEYS[1], ARGV[1])
local function finished(job)
  return redis.call('EXISTS', job) == 0 or redis.call('HEXISTS', job, 'finishedOn') == 1
end
for i = 2, #KEYS, 2 do
  if finished(KEYS[i + 1]) and redis.call('STRLEN', KEYS[i]) == ${outcomeMarker.length} then
    redis.call('UNLINK', KEYS[i])
  end
end
return 1
`;
