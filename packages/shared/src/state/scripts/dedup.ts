import { defineScript, isOne } from '../define-script.ts';
import { outcomeMarker } from './settle.ts';

/**
 * What the claim script answers. `fresh`, `pending`: the caller adds the job under the id that comes with it.
 * `known`: it was added before. `conflict`: it was, with another payload. `unrecorded`: there is a job with the id and
 * no record of it any more; its data comes, too.
 */
export const claimVerdicts = ['fresh', 'pending', 'known', 'conflict', 'unrecorded'] as const;
export type ClaimVerdict = (typeof claimVerdicts)[number];

/**
 * Claims an id or an idempotency key for one payload: record (pending) -> add -> record (done), the last two in one
 * transaction (see addedScript). If the producer dies before it has added the job, the record stays `pending`, and the
 * next one with the same payload
 * adds the job under the recorded id.
 *
 * An id is free again when nothing of its job can be read any more: it ended, and its outcome is gone or only a marker.
 * What is left of it is removed, or BullMQ would take the new job for the old one, and a worker for a settled one.
 *
 * record   the key of the record
 * id       that the job would have
 * ttlMs    of the record
 * isReusable  1 the id is free again after its job's end, 0 not
 *
 * Answer: the verdict, the id of the job, and its data ('' unless `unrecorded`).
 */
export const claimScript = defineScript({
  keys: (keys, queue: string, id: string, record: string) => ({
    record,
    job: keys.bull(queue).job(id),
    outcome: keys.outcome(queue, id),
    failed: keys.bull(queue).failed,
    marks: keys.sent(queue, id),
  }),
  args: ['id', 'payload', 'ttlMs', 'isReusable'],
  lua: `
local function freed()
  if isReusable == '0' or redis.call('STRLEN', outcome) > ${outcomeMarker.length} then return false end
  return redis.call('EXISTS', job) == 0 or redis.call('HEXISTS', job, 'finishedOn') == 1
end
local function remove()
  redis.call('ZREM', failed, id)
  redis.call('DEL', job, outcome, marks)
end

local known = redis.call('HMGET', record, 'id', 'payload', 'state')
if known[1] then
  if known[2] ~= payload then return {3, known[1], ''} end
  if known[3] == 'done' then
    if not freed() then return {2, known[1], ''} end
    remove()
    redis.call('HSET', record, 'state', 'pending')
  end
  redis.call('PEXPIRE', record, ttlMs)
  return {1, known[1], ''}
end

local data = redis.call('HGET', job, 'data')
if data and not freed() then return {4, id, data} end
-- An outcome that outlived its record would end the new job unperformed.
remove()
redis.call('HSET', record, 'id', id, 'payload', payload, 'state', 'pending')
redis.call('PEXPIRE', record, ttlMs)
return {0, id, ''}
`,
  read: (reply) => {
    const [index, id, data] = reply as [number, string, string];
    return { verdict: claimVerdicts[index]!, id, data };
  },
});

/**
 * Notes that a job was added, in the transaction that adds it: its record is done, and its batch has one job more. So
 * the total of a batch counts the jobs that exist, whenever its producer dies.
 *
 * It may be called twice: the client sends a transaction again whose answer it did not get. A job without a record
 * carries the note itself; by the time it has gone there is its outcome. Without a job there is nothing to note: the queue
 * was full, and the transaction goes on after an answer that is an error.
 *
 * hasRecord   1 or 0
 * hasBatch    1 or 0; without one `state` is the key of the record, and the other way round
 * batchTtlMs  of the batch
 *
 * Answer: it was not noted before.
 */
export const addedScript = defineScript({
  keys: (keys, queue: string, id: string, record: string | undefined, batch: string | undefined) => {
    const state = batch === undefined ? record! : keys.batchState(batch);
    return {
      record: record ?? state,
      state,
      job: keys.bull(queue).job(id),
      outcome: keys.outcome(queue, id),
    };
  },
  args: ['hasRecord', 'hasBatch', 'batchTtlMs'],
  lua: `
if hasRecord == '1' then
  if redis.call('HGET', record, 'state') == 'done' then return 0 end
  if redis.call('EXISTS', job) == 0 then return 0 end
  if redis.call('EXISTS', record) == 1 then redis.call('HSET', record, 'state', 'done') end
else
  if redis.call('EXISTS', outcome) == 1 or redis.call('EXISTS', job) == 0 or redis.call('HSETNX', job, 'noted', '1') == 0 then return 0 end
end
if hasBatch == '1' then
  redis.call('HINCRBY', state, 'total', 1)
  -- For the workers, who add the outcomes.
  redis.call('HSET', state, 'ttl', batchTtlMs)
  redis.call('PEXPIRE', state, batchTtlMs)
end
return 1
`,
  read: isOne,
});
