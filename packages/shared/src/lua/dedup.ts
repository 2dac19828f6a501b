import { outcomeMarker } from './settle.ts';
import type { Script } from './script.ts';

/**
 * What the claim script answers. `fresh`, `pending`: the caller adds the job under the id that comes with it.
 * `known`: it was added before. `conflict`: it was, with another payload. `unrecorded`: there is a job with the id and
 * no record of it any more; its data comes, too.
 */
export const claimVerdicts = ['fresh', 'pending', 'known', 'conflict', 'unrecorded'] as const;
export type ClaimVerdict = (typeof claimVerdicts)[number];

/**
 * Claims an id or an idempotency key for one payload: record (pending) -> add -> record (done), the last two in one
 * transaction (see addedScript). Who dies in between leaves `pending`, and whoever comes next with the same payload
 * adds the job under the recorded id.
 *
 * An id is free again when nothing can be had of its job any more: it ended, and its outcome is gone or only a marker.
 * What is left of it is removed, or BullMQ would take the new job for the old one, and a worker for a settled one.
 *
 * KEYS  record; job, outcome, failed set and send marks of the id
 * ARGV  1 id, 2 payload, 3 TTL of the record (ms), 4 the id is free again after its job's end (1) or not (0)
 * Returns { index into claimVerdicts, id of the job, its data ('' unless unrecorded) }
 */
export const claimScript: Script = {
  name: 'sluiceClaim',
  keys: 5,
  lua: `
local function freed()
  if ARGV[4] == '0' or redis.call('STRLEN', KEYS[3]) > ${outcomeMarker.length} then return false end
  return redis.call('EXISTS', KEYS[2]) == 0 or redis.call('HEXISTS', KEYS[2], 'finishedOn') == 1
end
local function remove()
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('DEL', KEYS[2], KEYS[3], KEYS[5])
end

local record = redis.call('HMGET', KEYS[1], 'id', 'payload', 'state')
if record[1] then
  if record[2] ~= ARGV[2] then return {3, record[1], ''} end
  if record[3] == 'done' then
    if not freed() then return {2, record[1], ''} end
    remove()
    redis.call('HSET', KEYS[1], 'state', 'pending')
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {1, record[1], ''}
end

local data = redis.call('HGET', KEYS[2], 'data')
if data and not freed() then return {4, ARGV[1], data} end
-- An outcome that outlived its record would end the new job unperformed.
remove()
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'payload', ARGV[2], 'state', 'pending')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {0, ARGV[1], ''}
`,
};

/**
 * Notes that a job was added, in the transaction that adds it: its record is done, and its batch has one job more. So
 * the total of a batch counts the jobs that exist, whenever its producer dies.
 *
 * Twice is once: the client sends a transaction again whose answer it did not get. A job without a record carries the
 * note itself; by the time it has gone there is its outcome.
 *
 * KEYS  record, state of the batch (one of them twice: there is no other), job, outcome
 * ARGV  1 there is a record (1) or not (0), 2 there is a batch (1) or not (0), 3 TTL of the batch (ms)
 * Returns 1 noted, 0 it was before
 */
export const addedScript: Script = {
  name: 'sluiceAdded',
  keys: 4,
  lua: `
if ARGV[1] == '1' then
  if redis.call('HGET', KEYS[1], 'state') == 'done' then return 0 end
  if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'state', 'done') end
else
  if redis.call('EXISTS', KEYS[4]) == 1 or redis.call('HSETNX', KEYS[3], 'noted', '1') == 0 then return 0 end
end
if ARGV[2] == '1' then
  redis.call('HINCRBY', KEYS[2], 'total', 1)
  -- For the workers, who add the outcomes.
  redis.call('HSET', KEYS[2], 'ttl', ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
return 1
`,
};
