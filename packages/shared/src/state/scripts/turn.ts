import { unlimitedMax } from '../../policy/pace.ts';
import { asFunction, whenFull } from '../define-script.ts';
import type { Keys } from '../keys.ts';
import { keepLockScript } from './keep-lock.ts';
import { type Committed, readsJoined, settlePart } from './settle.ts';

/** Stand for a job's id and its batch in the names of keys. */
const marks = { id: '\u0001', batch: '\u0002' } as const;

/** A queue, as the script needs to know it. `finish` and `take`: BullMQ's own keys, as it gives them to its scripts. */
export type TurnPlace = {
  job: string;
  keepLock: string[];
  settle: string[];
  settleInBatch: string[];
  policy: string;
  meta: string;
  holds: string;
  putOff: string;
  stats: string;
  cancel: string;
  outcome: string;
  finish: Record<string, string[]>;
  take: string[];
};

/** The names of a queue's keys. BullMQ's own are added when they are known. */
export function turnPlace(keys: Keys, queue: string): TurnPlace {
  return {
    job: keys.bull(queue).job(marks.id),
    keepLock: keepLockScript.keys(keys, queue, marks.id),
    settle: settlePart.keys(keys, queue, marks.id),
    settleInBatch: settlePart.keys(keys, queue, marks.id, marks.batch),
    policy: keys.policy(queue),
    meta: keys.bull(queue).meta,
    holds: keys.holds(queue),
    putOff: keys.putOff(queue),
    stats: keys.stats(queue),
    cancel: keys.cancel(queue, marks.id),
    outcome: keys.outcome(queue, marks.id),
    finish: {},
    take: [],
  };
}

/** The place of the job's own key among BullMQ's for `moveToFinished`. */
export const finishedJobKey = 11;

/** What one job asks for. `bytes`: which of the arguments, from 1, takes the place of a value. */
export type TurnAsk = {
  /** Which of the places, from 1. */
  place: number;
  /** Of BullMQ's script, as texts; those that are bytes are in `bytes`. */
  args: string[];
  bytes: Record<string, number>;
  /** Absent: the next job is taken, and none ends. */
  end?: {
    id: string;
    token: string;
    lockMs: string;
    target: string;
    batch: string;
    /** The arguments of the settle script, as texts. */
    settle: string[];
    settleBytes: Record<string, number>;
  };
};

/** What became of it. */
export type TurnAnswer = {
  /** Absent: no job was to end, or `fault` says why it could not be settled. */
  committed?: Committed;
  /** The job could not be settled. */
  fault?: string;
  /** BullMQ's script failed. */
  failed?: string;
  /** The answer of BullMQ's script. */
  answer?: unknown;
  /** The next job has its permit already. */
  isFree: boolean;
};

/** In the order of the script's numbers, from -1. */
const committedAs: readonly Committed[] = ['lock-lost', 'already', 'committed'];

export function readTurnAnswer(reply: unknown): TurnAnswer {
  const [committed, fault, ran, answer, free] = reply as [number, string, number, unknown, number];
  return {
    ...(committed >= -1 && { committed: committedAs[committed + 1]! }),
    ...(fault !== '' && { fault }),
    ...(ran === 1 && { answer }),
    ...(ran === -1 && { failed: String(answer) }),
    isFree: free === 1,
  };
}

/**
 * What the jobs that end in one turn of a worker's loop ask of Redis, in one script: each is settled, BullMQ's own
 * `moveToFinished` ends it and takes the next one; or `moveToActive` takes one, and none ends. Each in a `pcall`: a job
 * that Redis does not accept costs the others nothing.
 *
 * - A lock that ran out while the job is still active is taken back first. One that another worker has is left alone,
 *   and then nothing else is done.
 * - A job whose end BullMQ refuses keeps its outcome, as when two scripts do it: the run that finds it sends nothing.
 * - The next job's permit comes along where nothing can stand against it: the queue has no rate, no hold and no job that
 *   was put off, and the job neither a cancel mark nor an outcome. All others ask for theirs.
 * - The replies to one producer are one entry of its stream, if it reads such entries.
 *
 * ARGV: `{ places, asks }` as JSON, then the values that are bytes.
 * Answer, for each: settled as (-2: not asked, or it failed) | why it failed | BullMQ's script (1 ran, 0 did not, -1
 * failed) | its answer, or why | 1: the permit of the next job.
 *
 * @param bull BullMQ's two scripts as Lua functions
 */
export const turnLua = (bull: { moveToFinished: string; moveToActive: string }): string => `${whenFull}
-- Replies to be told at the end. Those of a job that cannot be settled are not.
local joined, streams, mine = {}, {}, {}
local function join(stream, to, id, settled, ttlMs)
  if string.sub(to, -1) ~= '${readsJoined}' then
    redis.call('XADD', stream, '*', 'id', id, 'settled', settled)
    redis.call('PEXPIRE', stream, ttlMs)
    return
  end
  if not joined[stream] then
    local type = redis.call('TYPE', stream).ok
    -- Fails, and this job alone with it.
    if type ~= 'none' and type ~= 'stream' then redis.call('XLEN', stream) end
  end
  table.insert(mine, {stream, id, settled, ttlMs})
end
local function tell()
  for _, reply in ipairs(mine) do
    local stream = reply[1]
    if not joined[stream] then
      joined[stream] = {ttlMs = reply[4]}
      table.insert(streams, stream)
    end
    local entry = joined[stream]
    for _, value in ipairs({'id', reply[2], 'settled', reply[3]}) do table.insert(entry, value) end
  end
end

${asFunction('keepLock', keepLockScript)}
${asFunction('settle', settlePart)}
${bull.moveToFinished}
${bull.moveToActive}
local turn = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = string.format('%.0f', math.floor(tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000))

local function named(pattern, id, batch)
  return (string.gsub(pattern, '[${marks.id}${marks.batch}]', {['${marks.id}'] = id, ['${marks.batch}'] = batch}))
end
local function namedAll(patterns, id, batch)
  local keys = {}
  for i, pattern in ipairs(patterns) do keys[i] = named(pattern, id, batch) end
  return keys
end
local function withBytes(args, bytes)
  for at, value in pairs(bytes) do args[tonumber(at)] = ARGV[value] end
  return args
end
local function why(failure)
  return type(failure) == 'table' and failure.err or tostring(failure)
end

-- May permits come along? One look at each queue.
local function isOpen(place)
  if place.open == nil then
    place.open = redis.call('HGET', place.policy, 'paceUs') == '0'
      and redis.call('HGET', place.meta, 'max') == '${unlimitedMax}'
      and redis.call('ZCOUNT', place.holds, now, '+inf') == 0
      and redis.call('ZCOUNT', place.putOff, now, '+inf') == 0
  end
  return place.open
end
local function free(place, taken)
  if type(taken) ~= 'table' or type(taken[1]) ~= 'table' or not isOpen(place) then return 0 end
  local id = taken[2]
  if redis.call('EXISTS', named(place.cancel, id), named(place.outcome, id)) > 0 then return 0 end
  redis.call('HINCRBY', place.stats, 'sent', 1)
  return 1
end

local function ran(place, script, keys, args)
  local ok, answer = pcall(script, keys, args, cmsgpack, redis)
  if not ok then return -1, why(answer), 0 end
  local given, isFree = pcall(free, place, answer)
  return 1, answer, given and isFree or 0
end

local answers = {}
for n, ask in ipairs(turn.asks) do
  local place, done = turn.places[ask.place], ask['end']
  local args = withBytes(ask.args, ask.bytes)
  if not done then
    answers[n] = {-2, '', ran(place, moveToActive, place.take, args)}
  else
    mine = {}
    local id = done.id
    local ok, settled = pcall(function()
      local lockKeys = namedAll(place.keepLock, id)
      if redis.call('EXISTS', lockKeys[1]) == 0 then keepLock(lockKeys, {id, done.token, done.lockMs}) end
      local keys = done.batch == '' and place.settle or place.settleInBatch
      return settle(namedAll(keys, id, done.batch), withBytes(done.settle, done.settleBytes))
    end)
    if not ok then
      answers[n] = {-2, why(settled), 0, '', 0}
    elseif settled ~= 1 then
      answers[n] = {settled, '', 0, '', 0}
    else
      tell()
      answers[n] = {1, '', ran(place, moveToFinished, namedAll(place.finish[done.target], id), args)}
    end
  end
end
for _, stream in ipairs(streams) do
  redis.call('XADD', stream, '*', unpack(joined[stream]))
  redis.call('PEXPIRE', stream, joined[stream].ttlMs)
end
return answers
`;
