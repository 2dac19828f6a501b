import type { Addressee } from '../../job/envelope.ts';
import { clip } from '../../fields/clip.ts';
import { withoutQuery } from '../../fields/excerpt.ts';
import { type Outcome, type Settled, encodeSettled } from '../../job/outcome.ts';
import type { Keys } from '../keys.ts';
import { type ScriptArgument, defineScript } from '../define-script.ts';

/** A marker must outlive every run that could still find the job unfinished. */
const markerTtlMs = 600_000;

/**
 * Replies nobody reads (their producer died) go after this, unless the worker is told otherwise. Each reply starts it
 * anew.
 */
export const replyTtlMs = 600_000;

/** A batch that nobody adds to goes after this, or sooner if its producer says so. Each outcome starts it anew. */
export const batchTtlMs = 7 * 86_400_000;

/** A larger body is not kept with a dead letter, bytes. Thousands of them can lie in Redis for a week. */
const deadLetterBodyBytes = 65_536;

/** The value of an outcome's key when only a marker is kept: the outcome itself went by reply. */
export const outcomeMarker = '-';

/** The same of a job that failed. As long as the other. */
export const failureMarker = '!';

/** `lock-lost`: another worker has the job. `already`: it has an outcome. */
export type Committed = 'committed' | 'already' | 'lock-lost';

/**
 * A producer whose name ends so reads entries that hold several replies: `id, settled, id, settled, …`. An older one
 * reads the first of an entry only, so it gets an entry for each.
 */
export const readsJoined = '+';

/** The job that ends, and the token of the lock under which it is ended. */
export type EndedJob = { queue: string; id: string; token: string };

/**
 * Commits the outcome of a job, once, and tells everybody who awaits it. It commits if the job's lock is ours or gone
 * and no outcome exists: a worker that finished during an outage reports late, and a run that lost its lock to
 * another cannot overwrite it.
 *
 * token       of the lock
 * settled     the bytes of the outcome
 * ttlMs       of the outcome's key, which keeps the bytes (`keeps` 1) or only a marker (0)
 * producer    who awaits the outcome; '' nobody is known
 * replyTtlMs  of its reply stream
 * index       position in the batch; '' no batch (its keys are then that of the outcome)
 * method      of the request, and its `url` without a query: for the reader of a batch; '' not needed, or not known
 * isFailed    1 the job failed, 0 not
 * batchTtlMs  of a batch that has none of its own
 * letter      what the job's hash keeps of the outcome of a dead letter: '1' the settled bytes, '' nothing, else these
 * tries       made, beside it
 */
const definition = {
  keys: (keys: Keys, queue: string, job: string, batch?: string) => ({
    lock: keys.bull(queue).lock(job),
    outcome: keys.outcome(queue, job),
    watchers: keys.watchers(queue, job),
    deadlines: keys.deadlines(queue),
    job: keys.bull(queue).job(job),
    // Of the reply streams, up to the producer's name.
    replies: keys.replies(''),
    batchStream: batch === undefined ? keys.outcome(queue, job) : keys.batch(batch),
    batchState: batch === undefined ? keys.outcome(queue, job) : keys.batchState(batch),
  }),
  args: [
    'token',
    'settled',
    'ttlMs',
    'keeps',
    'id',
    'queue',
    'producer',
    'replyTtlMs',
    'index',
    'method',
    'url',
    'isFailed',
    'batchTtlMs',
    'letter',
    'tries',
  ] as const,
  whenFull: true,
  lua: `
local holder = redis.call('GET', lock)
if holder and holder ~= token then return -1 end
local kept = settled
if keeps == '0' then kept = isFailed == '1' and '${failureMarker}' or '${outcomeMarker}' end
if not redis.call('SET', outcome, kept, 'PX', ttlMs, 'NX') then return 0 end

if producer ~= '' then reply(producer) end
for _, watcher in ipairs(redis.call('SMEMBERS', watchers)) do
  if watcher ~= producer then reply(watcher) end
end
redis.call('DEL', watchers)
redis.call('ZREM', deadlines, id)

-- In the job itself, so that it goes when the dead letter goes.
if letter ~= '' then
  if letter == '1' then letter = settled end
  if redis.call('EXISTS', job) == 1 then redis.call('HSET', job, 'outcome', letter, 'tries', tries) end
end

if index ~= '' then
  local entry = {'id', id, 'index', index, 'settled', settled}
  if isFailed == '1' then
    for name, value in pairs({queue = queue, method = method, url = url}) do
      if value ~= '' then
        entry[#entry + 1] = name
        entry[#entry + 1] = value
      end
    end
  end
  redis.call('XADD', batchStream, '*', unpack(entry))
  redis.call('HINCRBY', batchState, 'ended', 1)
  if isFailed == '1' then redis.call('HINCRBY', batchState, 'failed', 1) end
  local ttl = redis.call('HGET', batchState, 'ttl') or batchTtlMs
  redis.call('PEXPIRE', batchStream, ttl)
  redis.call('PEXPIRE', batchState, ttl)
end
return 1
`,
  read: (reply: unknown): Committed => (reply === 1 ? 'committed' : reply === 0 ? 'already' : 'lock-lost'),
};

/** Lua function `reply(to)`: tells a producer at once. */
const replyAlone = `
local function reply(to)
  local stream = replies .. to
  redis.call('XADD', stream, '*', 'id', queue .. '/' .. id, 'settled', settled)
  redis.call('PEXPIRE', stream, replyTtlMs)
end
`;

/** The same where many jobs are settled in one script, which has a function `join`. */
const replyJoined = `
local function reply(to) join(replies .. to, to, queue .. '/' .. id, settled, replyTtlMs) end
`;

export const settleScript = defineScript({ ...definition, parts: [replyAlone] });

/** The same as a part of a script that tells a producer of many jobs together (scripts/turn.ts). */
export const settlePart = defineScript({ ...definition, parts: [replyJoined] });

/** What a dead letter keeps of its outcome. */
function letterOf(outcome: Outcome, body: Uint8Array): string | Buffer {
  if (outcome.kind === 'response') return '';
  if (body.byteLength <= deadLetterBodyBytes) return '1';
  return encodeSettled({ ...outcome, bodyLeftOut: body.byteLength }, new Uint8Array());
}

/**
 * A call of the settle script.
 * @param addressee null: nobody is known
 * @param replyMs how long replies that nobody reads are kept
 */
export function settleCall(
  { queue, id, token }: EndedJob,
  addressee: Addressee | null,
  end: Settled,
  replyMs: number = replyTtlMs,
): {
  place: [queue: string, id: string, batch?: string];
  args: Record<(typeof settleScript.args)[number], ScriptArgument>;
} {
  const { keepMs, replyTo = '', batch, meta, req } = addressee ?? {};
  // A response names its own URL.
  const named = batch === undefined || end.outcome.kind === 'response' ? undefined : req;
  const outcome = meta === undefined ? end.outcome : { ...end.outcome, meta };
  return {
    place: batch === undefined ? [queue, id] : [queue, id, batch.name],
    args: {
      token,
      settled: encodeSettled(outcome, end.body),
      ttlMs: keepMs ?? markerTtlMs,
      keeps: keepMs === undefined ? 0 : 1,
      id,
      queue,
      producer: replyTo,
      replyTtlMs: replyMs,
      index: batch?.index ?? '',
      method: named?.method ?? '',
      url: named === undefined ? '' : clip(withoutQuery(named.url)),
      isFailed: outcome.kind === 'response' ? 0 : 1,
      batchTtlMs,
      letter: letterOf(outcome, end.body),
      tries: outcome.attempts,
    },
  };
}
