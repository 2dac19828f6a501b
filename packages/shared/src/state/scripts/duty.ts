import { defineScript, ignored, isOne } from '../define-script.ts';
import { fleetSeenLua } from './parts/fleet-seen.ts';

/** How long a worker has the duty after it last asked for it, ms. */
export const dutyMs = 1500;

/** How often every worker asks for it, ms: it passes to another within 3 s of its holder's death. */
export const dutyBeatMs = 500;

/**
 * A worker asks for the duty to sweep for the whole fleet, and keeps it by asking again. Every call is a sign of life,
 * too (see parts/fleet-seen.ts).
 *
 * Two workers may sweep at once, when one hears too late that it has lost the duty: every step of a sweep can be done
 * twice.
 *
 * worker  its id
 *
 * Answer: it has the duty.
 */
export const dutyScript = defineScript({
  keys: (keys) => ({ sweeper: keys.sweeper }),
  args: ['worker', 'pauseMs', 'allBackMs'],
  parts: [fleetSeenLua],
  lua: `
local now = redisNow()
mayJudge(sweeper, now, pauseMs, allBackMs)
local duty = redis.call('HMGET', sweeper, 'worker', 'until')
local left = tonumber(duty[2] or '0') - now
-- More is left than anybody is given when Redis' clock was set back.
if duty[1] and duty[1] ~= worker and left > 0 and left <= ${dutyMs} then return 0 end
redis.call('HSET', sweeper, 'worker', worker, 'until', string.format('%.0f', now + ${dutyMs}))
return 1
`,
  read: isOne,
});

/** A worker stops: whoever asks next has the duty. The last one of the fleet leaves nothing behind. */
export const leaveDutyScript = defineScript({
  keys: (keys) => ({ sweeper: keys.sweeper, workers: keys.workers }),
  args: ['worker'],
  lua: `
local others = redis.call('ZCARD', workers) - (redis.call('ZSCORE', workers, worker) and 1 or 0)
if others == 0 then return redis.call('UNLINK', sweeper) end
if redis.call('HGET', sweeper, 'worker') == worker then redis.call('HDEL', sweeper, 'worker', 'until') end
`,
  read: ignored,
});
