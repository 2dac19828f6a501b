import { closedGate } from '../../policy/pace.ts';
import { defineScript } from '../define-script.ts';
import { auditLua } from './parts/audit.ts';

/**
 * An operator lifts the holds of a queue: all, or one origin's. A gate that a hold closed opens again.
 *
 * origin   '' all
 * channel  where `message` is published
 * actor    who does it, and `queue`, for the audit log
 *
 * Answer: the number of holds lifted, and the ids of the jobs that were put off because of a hold.
 */
export const releaseScript = defineScript({
  keys: (keys, queue: string) => ({
    holds: keys.holds(queue),
    limiter: keys.bull(queue).limiter,
    putOffJobs: keys.putOff(queue),
    auditLog: keys.audit,
  }),
  args: ['origin', 'channel', 'message', 'actor', 'queue'],
  parts: [auditLua],
  lua: `
local lifted
if origin == '' then
  lifted = redis.call('ZCARD', holds)
  redis.call('DEL', holds)
else
  lifted = redis.call('ZREM', holds, origin)
end
if lifted == 0 and origin ~= '' then return {0, {}} end
if tonumber(redis.call('GET', limiter) or '0') >= ${closedGate} then redis.call('DEL', limiter) end
local jobs = redis.call('ZRANGE', putOffJobs, 0, -1)
redis.call('DEL', putOffJobs)
redis.call('PUBLISH', channel, message)
audit('queue.release', queue, origin, cjson.encode({ holds = lifted }), cjson.encode({ holds = 0 }))
return {lifted, jobs}
`,
  read: (reply) => {
    const [lifted, jobs] = reply as [number, string[]];
    return { lifted, jobs };
  },
});
