import { defineScript, ignored } from '../define-script.ts';
import { outcomeMarker } from './settle.ts';

/** A job whose reply was delivered. */
type Delivered = { queue: string; id: string };

const keysOfJob = 4;

/**
 * The producer has these replies: they leave its stream, and the markers of jobs that are gone from their queue, or
 * lie there as failed, are dropped (a job that has not finished may be run again by a stalled check, and the marker then
 * stops it). Outcomes that are kept stay until their TTL. A failed job whose error its caller has received is removed,
 * unless the policy keeps those, too: if the caller had died, the job would still be there to be looked at.
 *
 * last      id of the last reply delivered
 * received  for each job '1': a caller received its error and needs the job no more; '0': not
 */
export const acknowledgeScript = defineScript({
  keys: (keys, producer: string, _jobs: readonly Delivered[]) => ({
    replies: keys.replies(producer),
  }),
  tail: (keys, _producer: string, jobs: readonly Delivered[]) =>
    jobs.flatMap(({ queue, id }) => [
      keys.outcome(queue, id),
      keys.bull(queue).job(id),
      keys.bull(queue).failed,
      keys.policy(queue),
    ]),
  args: ['last', 'received'],
  lua: `
redis.call('XTRIM', replies, 'MINID', last)
redis.call('XDEL', replies, last)
local function finished(job)
  return redis.call('EXISTS', job) == 0 or redis.call('HEXISTS', job, 'finishedOn') == 1
end
local function keepsAwaited(policy)
  local read, value = pcall(cjson.decode, redis.call('HGET', policy, 'json') or '')
  return read and type(value) == 'table' and type(value.keepFailed) == 'table' and value.keepFailed.awaited == true
end
for i = 1, #tail, ${keysOfJob} do
  local outcome, job, failed, policy = unpack(tail, i, i + ${keysOfJob - 1})
  local n = (i - 1) / ${keysOfJob} + 1
  if string.sub(received, n, n) == '1' and not keepsAwaited(policy) then
    -- A job's hash lies beside the list: ...:failed, ...:ID.
    local id = string.sub(job, #failed - #'failed' + 1)
    if redis.call('ZSCORE', failed, id) then
      redis.call('UNLINK', job, job .. ':logs')
      redis.call('ZREM', failed, id)
    end
  end
  if finished(job) and redis.call('STRLEN', outcome) == ${outcomeMarker.length} then redis.call('UNLINK', outcome) end
end
return 1
`,
  read: ignored,
});
