import { closedGate, gateAheadMs } from '../pace.ts';
import { flowLua } from './flow.ts';
import { refundLua } from './refund.ts';
import { type Script, whenFull } from './script.ts';

/** What the permit script answers, in the order it looks. */
export const permitVerdicts = ['go', 'cancelled', 'settled', 'held', 'closed', 'no-policy', 'early'] as const;
export type PermitVerdict = (typeof permitVerdicts)[number];

/**
 * The right to send one request now, asked for just before it leaves. One call decides, on Redis' clock, in this
 * order: the job was cancelled | it already has an outcome | the upstream asked it to wait longer | its origin is held | its start, `paceUs` after the last
 * one (GCRA with a burst of one).
 *
 * KEYS  policy, pace, holds, limiter, cancel mark, outcome, stats, flow, meta, put-off jobs
 * ARGV  1 origin, 2 longest wait that is reserved (ms), 3 ms since the job was taken (-1: it holds no gate token), 4 job id
 * Returns { index into permitVerdicts, wait (µs for go; ms for held, closed and early), policy version, for go with a
 * rate: its start and the next one (µs), with which it can be taken back (see unused.ts) }
 *
 * Who sends nothing pays nothing: every answer but `go` gives the gate's token back, if its window still runs.
 * A start further away than ARGV 2 is not reserved; the gate is closed until then instead, so that the job that is
 * given back is not taken again at once.
 */
export const permitScript: Script = {
  name: 'sluicePermit',
  keys: 10,
  lua: `${whenFull}${refundLua}${flowLua}
local function closeGate(ms)
  local ttl = redis.call('PTTL', KEYS[4])
  if ms > ttl then ttl = ms end
  redis.call('SET', KEYS[4], '${closedGate}', 'PX', string.format('%.0f', ttl))
end

local policy = redis.call('HMGET', KEYS[1], 'paceUs', 'window', 'origin', 'version', 'unitUs')
if not policy[1] then return {5, 0, 0} end
local version = tonumber(policy[4])
local window = tonumber(policy[2])
local age = tonumber(ARGV[3])

if redis.call('EXISTS', KEYS[5]) == 1 then refund(KEYS[4], window, age) return {1, 0, version} end
if redis.call('EXISTS', KEYS[6]) == 1 then refund(KEYS[4], window, age) return {2, 0, version} end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- Early by more than timers are: the clock of the worker that promoted it is fast.
local putOff = math.ceil(tonumber(redis.call('ZSCORE', KEYS[10], ARGV[4]) or '0') - now / 1000)
if putOff > 200 then refund(KEYS[4], window, age) return {6, putOff, version} end

local heldUntil = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or '0')
local heldFor = math.ceil(heldUntil - now / 1000)
if heldFor > 0 then
  if policy[3] == ARGV[1] then closeGate(heldFor) else refund(KEYS[4], window, age) end
  return {3, heldFor, version}
end

local pace = tonumber(policy[1])
local wait = 0
local reserved, next = '', ''
if pace > 0 then
  pace = effectivePace(KEYS[8], KEYS[9], KEYS[1], pace, tonumber(policy[5]), now)
  local longest = tonumber(ARGV[2]) * 1000
  local start = tonumber(redis.call('GET', KEYS[2]) or '0')
  -- No reservation reaches this far: the clock was set back.
  if start > now + longest + pace then start = now + pace end
  if start < now then start = now end
  wait = start - now
  if wait > longest then
    closeGate(math.ceil(wait / 1000))
    return {4, math.ceil(wait / 1000), version}
  end
  reserved, next = string.format('%.0f', start), string.format('%.0f', start + pace)
  redis.call('SET', KEYS[2], next, 'PX', string.format('%.0f', math.ceil((wait + pace) / 1000) + 1000))
  -- The gate stays shut until the permits granted so far last only a little longer.
  local shut = math.floor((wait + pace) / 1000) - ${gateAheadMs}
  local ttl = redis.call('PTTL', KEYS[4])
  if ttl >= 0 and shut > ttl then redis.call('PEXPIRE', KEYS[4], shut) end
end
redis.call('HINCRBY', KEYS[7], 'sent', 1)
return {0, wait, version, reserved, next}
`,
};
