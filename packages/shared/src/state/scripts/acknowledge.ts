import { defineScript, ignored } from '../define-script.ts';
import { outcomeMarker } from './settle.ts';

/** A job whose reply was delivered. */
type Delivered = { queue: string; id: string };

/**
 * The producer has these replies: they leave its stream, and the markers of jobs that are gone from their queue, or
 * lie there as failed, are dropped (a job that has not finished may be run again by a stalled check, and the marker then
 * stops it). Outcomes that are kept stay until their TTL.
 *
 * last  id of the last reply delivered
 */
export const acknowledgeScript = defineScript({
  keys: (keys, producer: string, _jobs: readonly Delivered[]) => ({
    replies: keys.replies(producer),
  }),
  tail: (keys, _producer: string, jobs: readonly Delivered[]) =>
    jobs.flatMap(({ queue, id }) => [keys.outcome(queue, id), keys.bull(queue).job(id)]),
  args: ['last'],
  lua: `
redis.call('XTRIM', replies, 'MINID', last)
redis.call('XDEL', replies, last)
local function finished(job)
  return redis.call('EXISTS', job) == 0 or redis.call('HEXISTS', job, 'finishedOn') == 1
end
for i = 1, #tail, 2 do
  local outcome, job = tail[i], tail[i + 1]
  if finished(job) and redis.call('STRLEN', outcome) == ${outcomeMarker.length} then redis.call('UNLINK', outcome) end
end
return 1
`,
  read: ignored,
});
