import { closedGate, gateAheadMs } from '../../policy/pace.ts';
import { defineScript } from '../define-script.ts';
import { effectiveRateLua } from './parts/effective-rate.ts';
import { gateTokenLua } from './parts/gate-token.ts';

/** What the permit script answers, in the order in which it looks. */
export const permitVerdicts = ['go', 'cancelled', 'settled', 'held', 'closed', 'no-policy', 'early'] as const;

export type PermitVerdict = (typeof permitVerdicts)[number];

export type PermitReply = {
  verdict: PermitVerdict;
  /** Until the start, µs, for `go`; ms for `held`, `closed` and `early`; else 0. */
  wait: number;
  /** With a rate, for `go`: its start and the one after it, µs of Redis' clock, with which it is given back. Else ''. */
  start: string;
  next: string;
};

/**
 * The right to send one request now, asked for just before it leaves. One call decides, on Redis' clock, in this order:
 * the job was cancelled | it already has an outcome | the upstream asked it to wait longer | its origin is held | its
 * start, `paceUs` after the last one (GCRA with a burst of one).
 *
 * origin     of the request
 * longestMs  longest wait that is reserved
 * ageMs      since the job was taken; -1: it holds no gate token
 * id         of the job
 *
 * Whoever sends nothing pays nothing: every answer but `go` gives the gate's token back, if its window still runs.
 * A start further away than `longestMs` is not reserved; the gate is closed until then instead, so that the job that is
 * given back is not taken again at once.
 */
export const permitScript = defineScript({
  keys: (keys, queue: string, job: string) => ({
    policy: keys.policy(queue),
    pace: keys.pace(queue),
    holds: keys.holds(queue),
    limiter: keys.bull(queue).limiter,
    cancelMark: keys.cancel(queue, job),
    outcome: keys.outcome(queue, job),
    stats: keys.stats(queue),
    flow: keys.flow(queue),
    meta: keys.bull(queue).meta,
    putOffJobs: keys.putOff(queue),
  }),
  args: ['origin', 'longestMs', 'ageMs', 'id'],
  whenFull: true,
  parts: [gateTokenLua, effectiveRateLua],
  lua: `
local function closeGate(ms)
  local ttl = redis.call('PTTL', limiter)
  if ms > ttl then ttl = ms end
  redis.call('SET', limiter, '${closedGate}', 'PX', string.format('%.0f', ttl))
end

local terms = redis.call('HMGET', policy, 'paceUs', 'window', 'origin', 'unitUs')
if not terms[1] then return {5, 0} end
local window = tonumber(terms[2])
local age = tonumber(ageMs)

if redis.call('EXISTS', cancelMark) == 1 then refund(limiter, window, age) return {1, 0} end
if redis.call('EXISTS', outcome) == 1 then refund(limiter, window, age) return {2, 0} end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- Early by more than timers are: the clock of the worker that promoted it is fast.
local putOff = math.ceil(tonumber(redis.call('ZSCORE', putOffJobs, id) or '0') - now / 1000)
if putOff > 200 then refund(limiter, window, age) return {6, putOff} end

local heldUntil = tonumber(redis.call('ZSCORE', holds, origin) or '0')
local heldFor = math.ceil(heldUntil - now / 1000)
if heldFor > 0 then
  if terms[3] == origin then closeGate(heldFor) else refund(limiter, window, age) end
  return {3, heldFor}
end

local paceUs = tonumber(terms[1])
local wait = 0
local reserved, following = '', ''
if paceUs > 0 then
  paceUs = effectivePace(flow, meta, policy, paceUs, tonumber(terms[4]), now)
  local longest = tonumber(longestMs) * 1000
  local start = tonumber(redis.call('GET', pace) or '0')
  -- No reservation reaches this far: the clock was set back.
  if start > now + longest + paceUs then start = now + paceUs end
  if start < now then start = now end
  wait = start - now
  if wait > longest then
    closeGate(math.ceil(wait / 1000))
    return {4, math.ceil(wait / 1000)}
  end
  reserved, following = string.format('%.0f', start), string.format('%.0f', start + paceUs)
  redis.call('SET', pace, following, 'PX', string.format('%.0f', math.ceil((wait + paceUs) / 1000) + 1000))
  -- The gate stays shut until the permits granted so far last only a little longer.
  local shut = math.floor((wait + paceUs) / 1000) - ${gateAheadMs}
  local ttl = redis.call('PTTL', limiter)
  if ttl >= 0 and shut > ttl then redis.call('PEXPIRE', limiter, shut) end
end
redis.call('HINCRBY', stats, 'sent', 1)
return {0, wait, reserved, following}
`,
  read: (reply): PermitReply => {
    const [index, wait, start = '', next = ''] = reply as [number, number, string?, string?];
    return { verdict: permitVerdicts[index]!, wait, start, next };
  },
});
