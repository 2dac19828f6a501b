import { type Script, whenFull } from './script.ts';

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
 * KEYS  the key, the id's lock, active, stalled, wait, delayed, prioritized, failed, deadlines, put-off jobs,
 *       marker
 * ARGV  1 id
 * Returns 1 removed, 0 it was nowhere
 */
export const removeStrayScript: Script = {
  name: 'sluiceRemoveStray',
  keys: 11,
  lua: `${whenFull}
-- First: the key may be one of the following.
if redis.call('TYPE', KEYS[1]).ok == 'hash' then redis.call('HDEL', KEYS[1], ${written}) end
redis.call('DEL', KEYS[2])
-- As long as BullMQ has another id of the kind, one of them may be such a hash; that one is nowhere then.
local function without(command, place, ...)
  local removed = redis.pcall(command, place, ...)
  return type(removed) == 'number' and removed or 0
end
local found = 0
for _, list in ipairs({ KEYS[3], KEYS[5] }) do found = found + without('LREM', list, 0, ARGV[1]) end
for _, set in ipairs({ KEYS[6], KEYS[7], KEYS[8] }) do found = found + without('ZREM', set, ARGV[1]) end
without('SREM', KEYS[4], ARGV[1])
without('ZREM', KEYS[9], ARGV[1])
without('ZREM', KEYS[10], ARGV[1])
-- The worker that met it may have used up what wakes one for the jobs behind it.
if found > 0 then redis.pcall('ZADD', KEYS[11], 0, '0') end
return found > 0 and 1 or 0
`,
};
