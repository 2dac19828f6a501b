import { defineScript, isOne } from '../define-script.ts';

/** What BullMQ writes into a job's hash while it takes the job, tries it again and ends it. */
const written = [
  'processedOn',
  'ats',
  'pb',
  'stc',
  'delay',
  'atm',
  'failedReason',
  'stacktrace',
  'finishedOn',
  'defa',
]
  .map((field) => `'${field}'`)
  .join(', ');

/**
 * Takes an id out of wherever it is that is the name of a key of BullMQ's (see bull-keys.ts), from a worker's hands, too.
 * The key itself stays, without what BullMQ took it for: where there was none, it has made a hash, and the queue's next
 * list or counter of that name would be refused.
 *
 * Answer: it is removed; it was not nowhere.
 */
export const removeStrayScript = defineScript({
  keys: (keys, queue: string, name: string) => ({
    stray: keys.bull(queue).job(name),
    lock: keys.bull(queue).lock(name),
    active: keys.bull(queue).active,
    stalled: keys.bull(queue).stalled,
    wait: keys.bull(queue).wait,
    delayed: keys.bull(queue).delayed,
    prioritized: keys.bull(queue).prioritized,
    failed: keys.bull(queue).failed,
    deadlines: keys.deadlines(queue),
    putOffJobs: keys.putOff(queue),
    marker: keys.bull(queue).marker,
  }),
  args: ['id'],
  whenFull: true,
  lua: `
-- First: the key may be one of the following.
if redis.call('TYPE', stray).ok == 'hash' then redis.call('HDEL', stray, ${written}) end
redis.call('DEL', lock)
-- As long as BullMQ has another id of the kind, one of them may be such a hash; that one is nowhere then.
local function without(command, place, ...)
  local removed = redis.pcall(command, place, ...)
  return type(removed) == 'number' and removed or 0
end
local found = 0
for _, list in ipairs({ active, wait }) do found = found + without('LREM', list, 0, id) end
for _, set in ipairs({ delayed, prioritized, failed }) do found = found + without('ZREM', set, id) end
without('SREM', stalled, id)
without('ZREM', deadlines, id)
without('ZREM', putOffJobs, id)
-- The worker that met it may have used up what wakes one for the jobs behind it.
if found > 0 then redis.pcall('ZADD', marker, 0, '0') end
return found > 0 and 1 or 0
`,
  read: isOne,
});
