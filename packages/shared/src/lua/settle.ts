import { type Script, whenFull } from './script.ts';

/** What the settle script answers. */
export const settleVerdicts = { refused: -1, already: 0, committed: 1 } as const;

/** The value of an outcome's key when only a marker is kept: the outcome itself went by reply. */
export const outcomeMarker = '-';

/** The same of a job that failed. As long as the other. */
export const failureMarker = '!';

/**
 * Commits the outcome of a job, once, and tells everybody who awaits it. It commits if the job's lock is ours or gone
 * and no outcome exists: a worker that finished during an outage reports late, and a run that lost its lock to
 * another cannot overwrite it.
 *
 * KEYS  lock, outcome, watchers, deadlines, batch stream, batch state (the outcome's key twice: no batch)
 * ARGV  1 lock token, 2 settled bytes, 3 TTL of the outcome (ms), 4 keep the bytes under the id (1) or only a marker (0),
 *       5 job id, 6 queue, 7 key of the reply streams up to the producer's name, 8 producer ('' nobody awaits),
 *       9 TTL of the reply streams (ms), 10 position in the batch ('' no batch), 11 the job failed (1) or not (0),
 *       12 TTL of a batch that has none of its own (ms), 13 what the job's hash keeps of the outcome of a dead letter: '1' the settled bytes,
 *       '' nothing, else these bytes; 14 tries made, beside it
 * Returns one of settleVerdicts
 */
export const settleScript: Script = {
  name: 'sluiceSettle',
  keys: 6,
  lua: `${whenFull}
local lock = redis.call('GET', KEYS[1])
if lock and lock ~= ARGV[1] then return ${settleVerdicts.refused} end
local bytes = ARGV[2]
if ARGV[4] == '0' then bytes = ARGV[11] == '1' and '${failureMarker}' or '${outcomeMarker}' end
if not redis.call('SET', KEYS[2], bytes, 'PX', ARGV[3], 'NX') then return ${settleVerdicts.already} end

local function reply(producer)
  local stream = ARGV[7] .. producer
  redis.call('XADD', stream, '*', 'id', ARGV[6] .. '/' .. ARGV[5], 'settled', ARGV[2])
  redis.call('PEXPIRE', stream, ARGV[9])
end
if ARGV[8] ~= '' then reply(ARGV[8]) end
for _, watcher in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  if watcher ~= ARGV[8] then reply(watcher) end
end
redis.call('DEL', KEYS[3])
redis.call('ZREM', KEYS[4], ARGV[5])

-- In the job itself, so that it goes when the dead letter goes. Its key is the lock's without ":lock".
local letter = ARGV[13] or ''
if letter ~= '' then
  local job = string.sub(KEYS[1], 1, -6)
  if letter == '1' then letter = ARGV[2] end
  if redis.call('EXISTS', job) == 1 then redis.call('HSET', job, 'outcome', letter, 'tries', ARGV[14]) end
end

if ARGV[10] ~= '' then
  redis.call('XADD', KEYS[5], '*', 'id', ARGV[5], 'index', ARGV[10], 'settled', ARGV[2])
  redis.call('HINCRBY', KEYS[6], 'ended', 1)
  if ARGV[11] == '1' then redis.call('HINCRBY', KEYS[6], 'failed', 1) end
  local ttl = redis.call('HGET', KEYS[6], 'ttl') or ARGV[12]
  redis.call('PEXPIRE', KEYS[5], ttl)
  redis.call('PEXPIRE', KEYS[6], ttl)
end
return ${settleVerdicts.committed}
`,
};
