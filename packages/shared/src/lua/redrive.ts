import type { Script } from './script.ts';

/** What the redrive script answers. `changed`: it was redriven by somebody else and failed again, since it was read. */
export const redriveVerdicts = { redriven: 1, gone: 0, changed: -1 } as const;

/**
 * Puts a failed job back to where it waits, as if it had never been attempted: only one that is among the failed jobs,
 * and still with the failure that was read; so of many redrives at once one moves it. What its former life left behind
 * goes in the same step (its outcome, or the new life would end at its first permit; its cancel mark; the marks of
 * what was sent), or a worker could take the job in between.
 *
 * What is reset, and who is woken, is as in BullMQ's reprocessJob.
 *
 * KEYS  failed, job, wait, prioritized, priority counter, meta, active, marker, BullMQ's event stream, outcome,
 *       cancel mark, deadlines, send marks
 * ARGV  1 id, 2 its score among the failed jobs as it was read, 3 its new data, 4 deadline (epoch ms; '' none)
 * Returns one of redriveVerdicts
 */
export const redriveScript: Script = {
  name: 'sluiceRedrive',
  keys: 13,
  lua: `
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score then return ${redriveVerdicts.gone} end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return ${redriveVerdicts.gone}
end
if score ~= ARGV[2] then return ${redriveVerdicts.changed} end
redis.call('ZREM', KEYS[1], ARGV[1])

redis.call('HDEL', KEYS[2], 'finishedOn', 'processedOn', 'failedReason', 'stacktrace', 'atm', 'ats', 'stc', 'defa', 'pb', 'outcome', 'tries')
redis.call('HSET', KEYS[2], 'data', ARGV[3])
redis.call('UNLINK', KEYS[10], KEYS[11], KEYS[13])
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[12], ARGV[4], ARGV[1]) end

local priority = tonumber(redis.call('HGET', KEYS[2], 'priority') or '0')
if priority > 0 then
  local nth = redis.call('INCR', KEYS[5])
  redis.call('ZADD', KEYS[4], string.format('%.0f', priority * 4294967296 + nth % 4294967296), ARGV[1])
else
  redis.call('LPUSH', KEYS[3], ARGV[1])
end
local meta = redis.call('HMGET', KEYS[6], 'paused', 'concurrency', 'opts.maxLenEvents')
if not meta[1] and not (meta[2] and redis.call('LLEN', KEYS[7]) >= tonumber(meta[2])) then
  redis.call('ZADD', KEYS[8], 0, '0')
end
redis.call('XADD', KEYS[9], 'MAXLEN', '~', meta[3] or 10000, '*', 'event', 'waiting', 'jobId', ARGV[1], 'prev', 'failed')
return ${redriveVerdicts.redriven}
`,
};

/**
 * Removes a failed job with all that is kept of it. One that was redriven meanwhile is left alone.
 *
 * KEYS  failed, job, outcome, cancel mark, send marks
 * ARGV  1 id, 2 highest score (it failed then or before, epoch ms)
 * Returns 1 removed, 0 it is no failed job, or a younger one
 */
export const purgeScript: Script = {
  name: 'sluicePurge',
  keys: 5,
  lua: `
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) > tonumber(ARGV[2]) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[2], KEYS[2] .. ':logs', KEYS[3], KEYS[4], KEYS[5])
return 1
`,
};
