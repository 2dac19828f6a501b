import { gateAheadMs } from '../../policy/pace.ts';
import { defineScript } from '../define-script.ts';
import { effectiveRateLua } from './parts/effective-rate.ts';
import { gateTokenLua } from './parts/gate-token.ts';
import { grantStartLua } from './parts/grant-start.ts';
import { rateTermsLua } from './parts/rate-terms.ts';
import { scheduleLua } from './parts/schedule.ts';
import { startLogLua } from './parts/start-log.ts';

/** What the permit script answers, in the order in which it looks. */
export const permitVerdicts = ['go', 'cancelled', 'settled', 'held', 'closed', 'no-policy', 'early'] as const;

export type PermitVerdict = (typeof permitVerdicts)[number];

export type PermitReply = {
  verdict: PermitVerdict;
  /** Until the start, µs, for `go`; ms for `held`, `closed` and `early`; else 0. */
  wait: number;
  /** With a rate, for `go`: the start, and its end in the log, µs of Redis' clock, with which it is given back. Else ''. */
  start: string;
  end: string;
};

/**
 * The right to send one request now, asked for just before it leaves. One call decides, on Redis' clock, in this order:
 * the job was cancelled | it already has an outcome | the upstream asked it to wait longer | its origin is held | its
 * start, the next one that the log of starts and the schedule allow (parts/grant-start.ts).
 *
 * origin     of the request
 * longestMs  longest wait that is reserved
 * ageMs      since the job was taken; -1: it holds no gate token
 * waitedMs   that the job waited before it was taken; -1: it is not known
 * extraUs    longer than usual that the permit may be used
 * late       requests of this process that left later than their permits allow: they count again, from now on
 * staleStart, staleEnd  of a permit that was too old to be used, and is exchanged; '' none
 * id         of the job
 *
 * Whoever sends nothing pays nothing: every answer but `go` gives the gate's token back, and the stale permit in any
 * case. A start further away than `longestMs` is not reserved; the gate is closed until then instead, so that the job
 * that is given back is not taken again at once.
 */
export const permitScript = defineScript({
  keys: (keys, queue: string, job: string) => ({
    policy: keys.policy(queue),
    pace: keys.pace(queue),
    starts: keys.starts(queue),
    schedule: keys.schedule(queue),
    holds: keys.holds(queue),
    limiter: keys.bull(queue).limiter,
    waitingJobs: keys.bull(queue).wait,
    prioritizedJobs: keys.bull(queue).prioritized,
    cancelMark: keys.cancel(queue, job),
    outcome: keys.outcome(queue, job),
    stats: keys.stats(queue),
    flow: keys.flow(queue),
    meta: keys.bull(queue).meta,
    putOffJobs: keys.putOff(queue),
  }),
  args: ['origin', 'longestMs', 'ageMs', 'waitedMs', 'extraUs', 'late', 'staleStart', 'staleEnd', 'id'],
  whenFull: true,
  parts: [gateTokenLua, rateTermsLua, startLogLua, scheduleLua, effectiveRateLua, grantStartLua],
  lua: `
local terms = rateTerms(policy)
if not terms then return {5, 0} end
local age = tonumber(ageMs)

if staleEnd ~= '' then
  takeBack(starts, schedule, stats, terms, staleStart, staleEnd)
  redis.call('HINCRBY', stats, 'stale', 1)
end
if redis.call('EXISTS', cancelMark) == 1 then refund(limiter, terms, age) return {1, 0} end
if redis.call('EXISTS', outcome) == 1 then refund(limiter, terms, age) return {2, 0} end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- Early by more than timers are: the clock of the worker that promoted it is fast.
local putOff = math.ceil(tonumber(redis.call('ZSCORE', putOffJobs, id) or '0') - now / 1000)
if putOff > 200 then refund(limiter, terms, age) return {6, putOff} end

local heldUntil = tonumber(redis.call('ZSCORE', holds, origin) or '0')
local heldFor = math.ceil(heldUntil - now / 1000)
if heldFor > 0 then
  if terms.origin == origin then closeGate(limiter, heldFor) else refund(limiter, terms, age) end
  return {3, heldFor}
end

if terms.paceUs == 0 then
  redis.call('HINCRBY', stats, 'sent', 1)
  return {0, 0, '', ''}
end
local paceUs, limit = effectiveRate(flow, terms, now)
local s = readSchedule(schedule)
local jobsWait = redis.call('LLEN', waitingJobs) > 0 or redis.call('ZCARD', prioritizedJobs) > 0
local sent = tonumber(redis.call('HGET', stats, 'sent') or '0')
local longest = tonumber(longestMs) * 1000
catchUp(s, starts, pace, terms, paceUs, now, longest, sent)
if tonumber(late) > 0 then
  logStarts(starts, now, tonumber(late), terms.spanUs, terms.cellUs, now)
  s.logged = s.logged + tonumber(late)
end
earn(s, terms, paceUs, now, tonumber(waitedMs))
local start, last = grant(s, starts, terms, paceUs, limit, now, longest, tonumber(extraUs), jobsWait)
-- No more jobs are taken than the schedule has starts for, while some wait.
setGate(meta, policy, schedule, s.gate, paceUs, (jobsWait and s.bank < 1) and 1 or terms.burst)
if not last then
  writeSchedule(schedule, s)
  closeGate(limiter, math.ceil((start - now) / 1000) - ${gateAheadMs})
  return {4, math.ceil((start - now) / 1000)}
end
s.sent = sent + 1
redis.call('HINCRBY', stats, 'sent', 1)
writeSchedule(schedule, s)

-- For workers of 0.1: a time from which starts may go on at an even pace. They take one that lies too far ahead for a
-- clock that was set back.
local following = math.max(tonumber(redis.call('GET', pace) or '0'), tonumber(last)) + paceUs
following = math.min(following, now + longest + paceUs)
redis.call('SET', pace, string.format('%.0f', following), 'PX', math.max(1, math.ceil((following - now) / 1000)) + 1000)

-- The gate stays shut until the permits granted so far last only a little longer.
local shut = math.floor((nextStart(s, paceUs, now) - now) / 1000) - ${gateAheadMs}
local full = math.floor((roomAfter(s, starts, limit, terms) - now) / 1000) - ${gateAheadMs}
local ttl = redis.call('PTTL', limiter)
if full > math.max(shut, ttl) then
  -- A burst has filled the window.
  closeGate(limiter, full)
elseif ttl >= 0 and shut > ttl then
  redis.call('PEXPIRE', limiter, shut)
end
return {0, math.max(0, start - now), string.format('%.0f', start), last}
`,
  read: (reply): PermitReply => {
    const [index, wait, start = '', end = ''] = reply as [number, number, string?, string?];
    return { verdict: permitVerdicts[index]!, wait, start, end };
  },
});
