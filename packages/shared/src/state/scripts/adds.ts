import { backlogFullLua } from '../backlog.ts';
import type { Keys } from '../keys.ts';

/** A queue, as the script needs to know it. */
export type AddsPlace = {
  queue: string;
  /** What the names of these keys begin with; the job's id follows. */
  job: string;
  outcome: string;
  wait: string;
  deadlines: string;
  /** BullMQ's own keys, as it gives them to its script. */
  add: readonly string[];
  /** The earliest deadline of the jobs, epoch ms as a text; absent: none has one. */
  deadline?: string;
};

/** @param add BullMQ's own keys, as it gives them to `addStandardJob` */
export function addsPlace(keys: Keys, queue: string, add: readonly string[]): AddsPlace {
  return {
    queue,
    job: keys.bull(queue).job(''),
    outcome: keys.outcome(queue, ''),
    wait: keys.bull(queue).wait,
    deadlines: keys.deadlines(queue),
    add,
  };
}

/** What one job asks for. */
export type AddsAsk = {
  /** Which of the places, from 1. */
  place: number;
  id: string;
  /** Epoch ms as a text. */
  deadline?: string;
};

/** BullMQ's arguments for a job: how many there are. */
export const addArguments = 3;

/** What became of it: it was added; it was there, or had ended; or a sentence of Redis why it was refused. */
export type Added = 'added' | 'known' | { refused: string };

export function readAdded(reply: unknown): Added {
  if (typeof reply === 'string') return { refused: reply };
  return reply === 1 ? 'added' : 'known';
}

/**
 * The jobs that a producer adds in one turn of its loop, in one script, with their deadlines. Each in a `pcall`: a job
 * that Redis does not accept costs the others nothing, and what it has written goes again.
 *
 * A script that is sent again, because its answer was lost, adds nothing twice: not while the job is there, nor when it
 * has ended meanwhile, since its outcome, or the marker that stands for it, is still there.
 *
 * A queue that has as many jobs as its policy allows takes no more (`maxBacklog`).
 *
 * The list of what is due is written before the jobs, once for each queue: a job whose deadline nobody looks at could
 * wait forever, and a look that finds nothing costs nothing.
 *
 * KEYS: the list of what is due. ARGV: `{ places, asks }` as JSON, then BullMQ's arguments of each job.
 * Answer, for each: 1 added | 0 it was there, or had ended | why it was refused.
 *
 * @param addStandardJob BullMQ's script as a Lua function
 */
export const addsLua = (addStandardJob: string): string => `${addStandardJob}${backlogFullLua}
local turn = cjson.decode(ARGV[1])
local function why(failure)
  return type(failure) == 'table' and failure.err or tostring(failure)
end

for _, place in ipairs(turn.places) do
  if place.deadline then
    local ok, failure = pcall(redis.call, 'ZADD', KEYS[1], 'LT', place.deadline, place.queue)
    if not ok then place.fault = why(failure) end
  end
end

local function add(place, ask, job, args)
  if redis.call('EXISTS', job, place.outcome .. ask.id) > 0 then return 0 end
  local full = backlogFull(place.add[3])
  if full then return full end
  local ok, answer = pcall(function()
    if ask.deadline then
      if place.fault then error(place.fault, 0) end
      redis.call('ZADD', place.deadlines, ask.deadline, ask.id)
    end
    return addStandardJob(place.add, args, cmsgpack, redis)
  end)
  if ok and type(answer) ~= 'number' then return 1 end
  -- Looked at first: after any write a script may go on when there is no memory left.
  if redis.call('EXISTS', job) == 1 then redis.call('DEL', job) end
  if type(redis.pcall('ZSCORE', place.deadlines, ask.id)) == 'string' then redis.call('ZREM', place.deadlines, ask.id) end
  if redis.pcall('LINDEX', place.wait, 0) == ask.id then redis.call('LPOP', place.wait) end
  return ok and 'BullMQ did not add the job (' .. answer .. ')' or why(answer)
end

local answers = {}
for n, ask in ipairs(turn.asks) do
  local place = turn.places[ask.place]
  local args = {}
  for i = 1, ${addArguments} do args[i] = ARGV[1 + ${addArguments} * (n - 1) + i] end
  local ok, answer = pcall(add, place, ask, place.job .. ask.id, args)
  answers[n] = ok and answer or why(answer)
end
return answers
`;
