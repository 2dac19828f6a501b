import { defineScript, isOne } from '../define-script.ts';

/** What the redrive script answers. `changed`: it was redriven by somebody else and failed again, since it was read. */
export type RedriveVerdict = 'redriven' | 'gone' | 'changed';

/**
 * Puts a failed job back to where it waits, as if it had never been attempted: only one that is among the failed jobs,
 * and still with the failure that was read; so of many redrives at once one moves it. What its former life left behind
 * goes in the same step (its outcome, or the new life would end at its first permit; its cancel mark; the marks of
 * what was sent), or a worker could take the job in between.
 *
 * What is reset, and who is woken, is as in BullMQ's reprocessJob.
 *
 * score     among the failed jobs, as it was read
 * data      the new one
 * deadline  epoch ms; '' none
 */
export const redriveScript = defineScript({
  keys: (keys, queue: string, job: string) => ({
    failed: keys.bull(queue).failed,
    job: keys.bull(queue).job(job),
    wait: keys.bull(queue).wait,
    prioritized: keys.bull(queue).prioritized,
    priorityCounter: keys.bull(queue).priorityCounter,
    meta: keys.bull(queue).meta,
    active: keys.bull(queue).active,
    marker: keys.bull(queue).marker,
    eventStream: keys.bull(queue).eventStream,
    outcome: keys.outcome(queue, job),
    cancelMark: keys.cancel(queue, job),
    deadlines: keys.deadlines(queue),
    due: keys.due,
    marks: keys.sent(queue, job),
  }),
  args: ['queue', 'id', 'score', 'data', 'deadline'],
  lua: `
local found = redis.call('ZSCORE', failed, id)
if not found then return 0 end
if redis.call('EXISTS', job) == 0 then
  redis.call('ZREM', failed, id)
  return 0
end
if found ~= score then return -1 end
redis.call('ZREM', failed, id)

redis.call('HDEL', job, 'finishedOn', 'processedOn', 'failedReason', 'stacktrace', 'atm', 'ats', 'stc', 'defa', 'pb', 'outcome', 'tries', 'ends')
redis.call('HSET', job, 'data', data)
redis.call('UNLINK', outcome, cancelMark, marks)
if deadline ~= '' then
  redis.call('ZADD', deadlines, deadline, id)
  redis.call('ZADD', due, 'LT', deadline, queue)
end

local priority = tonumber(redis.call('HGET', job, 'priority') or '0')
if priority > 0 then
  local nth = redis.call('INCR', priorityCounter)
  redis.call('ZADD', prioritized, string.format('%.0f', priority * 4294967296 + nth % 4294967296), id)
else
  redis.call('LPUSH', wait, id)
end
local limits = redis.call('HMGET', meta, 'paused', 'concurrency', 'opts.maxLenEvents')
if not limits[1] and not (limits[2] and redis.call('LLEN', active) >= tonumber(limits[2])) then
  redis.call('ZADD', marker, 0, '0')
end
redis.call('XADD', eventStream, 'MAXLEN', '~', limits[3] or 10000, '*', 'event', 'waiting', 'jobId', id, 'prev', 'failed')
return 1
`,
  read: (reply): RedriveVerdict => (reply === 1 ? 'redriven' : reply === 0 ? 'gone' : 'changed'),
});

/**
 * Removes a failed job with all that is kept of it. One that was redriven meanwhile is left alone.
 *
 * before  highest score: it failed then or before (epoch ms)
 *
 * Answer: it is removed, not gone already, nor a younger one.
 */
export const purgeScript = defineScript({
  keys: (keys, queue: string, job: string) => ({
    failed: keys.bull(queue).failed,
    job: keys.bull(queue).job(job),
    outcome: keys.outcome(queue, job),
    cancelMark: keys.cancel(queue, job),
    marks: keys.sent(queue, job),
  }),
  args: ['id', 'before'],
  lua: `
local score = redis.call('ZSCORE', failed, id)
if not score or tonumber(score) > tonumber(before) then return 0 end
redis.call('ZREM', failed, id)
redis.call('UNLINK', job, job .. ':logs', outcome, cancelMark, marks)
return 1
`,
  read: isOne,
});
