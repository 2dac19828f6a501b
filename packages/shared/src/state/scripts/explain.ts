import { defineScript } from '../define-script.ts';

/** Where a job lies in Redis. `gone`: nowhere, though it may have an outcome. */
export type JobPlace = 'gone' | 'active' | 'wait' | 'prioritized' | 'delayed' | 'failed' | 'elsewhere';

/** What Redis knows of one job at one moment, and of what it waits for. */
export type JobLook = {
  /** Redis' clock, µs since 1970. */
  nowUs: number;
  place: JobPlace;
  /** How many jobs are taken before it; -1: not known. */
  ahead: number;
  /** When it is due, epoch ms; 0: it is not delayed. */
  due: number;
  fields: Record<
    'data' | 'timestamp' | 'atm' | 'ats' | 'processedOn' | 'failedReason' | 'tries' | 'pb',
    string | null
  >;
  policy: Record<'json' | 'paceUs', string | null>;
  /** The pace in force while the upstream rejects requests, µs; null: the policy's. */
  slowedPaceUs: string | null;
  /** When the next start is due, µs; 0: now. */
  nextStartUs: number;
  /** Starts that may leave at once, because idle time has earned them; at most so many. */
  saved: number;
  isPaused: boolean;
  /** ms until the gate opens; 0: it is open. */
  gateShutMs: number;
  active: number;
  /** Origins, and until when each is held, epoch ms. */
  holds: [origin: string, until: number][];
  isPutOff: boolean;
  isCancelled: boolean;
  /** The beginning of the settled outcome; null: there is none. */
  outcome: string | null;
};

/** An outcome's line of JSON has its headers, which no server sends longer; the body behind it is not read. */
const outcomeBytes = 131_072;

type Reply = [
  time: [string, string],
  place: JobPlace,
  ahead: number,
  due: string,
  fields: (string | null)[],
  policy: (string | null)[],
  slowed: string | null,
  schedule: (string | null)[],
  gate: [paused: number, shutMs: number, active: number],
  holds: string[],
  marks: [putOff: number, cancelled: number],
  outcome: string | null,
];

/**
 * What the schedule says of the next start (see parts/schedule.ts). What idle time has earned is at most what it says
 * here: only the permit script knows whether a worker was there.
 */
function nextOf(
  schedule: readonly (string | null)[],
  nowUs: number,
  paceUs: number,
  burst: number,
): Pick<JobLook, 'nextStartUs' | 'saved'> {
  const [due = 0, last = 0, bank = 0, even = 0] = schedule.map((value) => Number(value ?? 0));
  const idleUs = schedule[4] === '1' ? 0 : Math.max(0, nowUs - Math.max(due, even));
  const saved = paceUs === 0 ? 0 : Math.floor(Math.min(burst - 1, bank + idleUs / paceUs));
  return { nextStartUs: saved >= 1 ? last : due, saved: Math.max(0, saved) };
}

/**
 * Everything that says where a job is and why it waits, at one moment. Reads only.
 *
 * id       of the job
 * longest  how many entries of a list are looked through for its place
 */
export const explainScript = defineScript({
  keys: (keys, queue: string, id: string) => ({
    job: keys.bull(queue).job(id),
    wait: keys.bull(queue).wait,
    prioritized: keys.bull(queue).prioritized,
    delayed: keys.bull(queue).delayed,
    failed: keys.bull(queue).failed,
    active: keys.bull(queue).active,
    meta: keys.bull(queue).meta,
    limiter: keys.bull(queue).limiter,
    policy: keys.policy(queue),
    flow: keys.flow(queue),
    schedule: keys.schedule(queue),
    holds: keys.holds(queue),
    putOffJobs: keys.putOff(queue),
    cancelMark: keys.cancel(queue, id),
    outcome: keys.outcome(queue, id),
  }),
  args: ['id', 'longest'],
  lua: `
local waiting = redis.call('LLEN', wait)
local place, ahead = 'gone', -1
local due = redis.call('ZSCORE', delayed, id)
local rank = redis.call('ZRANK', prioritized, id)
if due then place = 'delayed'
elseif rank then place, ahead = 'prioritized', waiting + rank
elseif redis.call('ZSCORE', failed, id) then place = 'failed'
elseif redis.call('EXISTS', job) == 1 then
  place = 'elsewhere'
  -- Jobs are taken from the end of the list.
  local at = redis.call('LPOS', wait, id, 'RANK', -1, 'MAXLEN', longest)
  if at then place, ahead = 'wait', waiting - 1 - at
  elseif redis.call('LPOS', active, id, 'MAXLEN', longest) then place = 'active'
  -- Too far behind to be found.
  elseif waiting > tonumber(longest) then place = 'wait' end
end

local shut = 0
local meta = redis.call('HMGET', meta, 'paused', 'max')
local taken = tonumber(redis.call('GET', limiter) or '0')
if meta[2] and taken >= tonumber(meta[2]) then shut = math.max(0, redis.call('PTTL', limiter)) end

local found = false
if redis.call('EXISTS', outcome) == 1 then found = redis.call('GETRANGE', outcome, 0, ${outcomeBytes - 1}) end

return {
  redis.call('TIME'),
  place,
  ahead,
  due or '0',
  redis.call('HMGET', job, 'data', 'timestamp', 'atm', 'ats', 'processedOn', 'failedReason', 'tries', 'pb'),
  redis.call('HMGET', policy, 'json', 'paceUs', 'burst'),
  redis.call('HGET', flow, 'paceUs'),
  redis.call('HMGET', schedule, 'due', 'last', 'bank', 'even', 'waiting'),
  {meta[1] and 1 or 0, shut, redis.call('LLEN', active)},
  redis.call('ZRANGE', holds, 0, 999, 'WITHSCORES'),
  {redis.call('ZSCORE', putOffJobs, id) and 1 or 0, redis.call('EXISTS', cancelMark)},
  found,
}
`,
  read: (reply): JobLook => {
    const [time, place, ahead, due, fields, policy, slowed, schedule, gate, holds, marks, outcome] =
      reply as Reply;
    const [data = null, timestamp = null, atm = null, ats = null, processedOn = null] = fields;
    const [failedReason = null, tries = null, pb = null] = fields.slice(5);
    const nowUs = Number(time[0]) * 1_000_000 + Number(time[1]);
    const pace = Number(slowed ?? policy[1] ?? 0);
    return {
      nowUs,
      ...nextOf(schedule, nowUs, pace, Number(policy[2] ?? 1)),
      place,
      ahead,
      // BullMQ keeps the order of jobs that are due in the same ms in the lowest 12 bits.
      due: Math.floor(Number(due) / 4096),
      fields: { data, timestamp, atm, ats, processedOn, failedReason, tries, pb },
      policy: { json: policy[0] ?? null, paceUs: policy[1] ?? null },
      slowedPaceUs: slowed,
      isPaused: gate[0] === 1,
      gateShutMs: gate[1],
      active: gate[2],
      holds: Array.from({ length: holds.length / 2 }, (_, at) => [holds[2 * at]!, Number(holds[2 * at + 1])]),
      isPutOff: marks[0] === 1,
      isCancelled: marks[1] === 1,
      outcome,
    };
  },
});
