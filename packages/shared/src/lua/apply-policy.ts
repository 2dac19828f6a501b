import { closedGate } from '../pace.ts';
import type { Script } from './script.ts';

/** The entries that BullMQ keeps of a queue's event stream, which nothing here reads. Its own default is 10,000. */
const eventsKept = 100;

export const applyVerdicts = ['created', 'changed', 'same', 'conflict'] as const;
export type ApplyVerdict = (typeof applyVerdicts)[number];

/**
 * Writes a queue's policy: policy, version, gate (BullMQ's global limit) and pace together. BullMQ's limiter key is
 * reset, else a queue that goes from 1/1h to 100/s would stay closed for the old hour; a hold is kept. The next
 * permit moves by the difference of the paces, so the change takes effect at once without a second start inside
 * either pace.
 *
 * KEYS  queues, policy, meta, limiter, pace, holds, flow
 * ARGV  1 queue, 2 policy JSON, 3 gate max, 4 gate duration (ms), 5 pace (µs), 6 global concurrency ('' none),
 *       7 origin ('' any), 8 'create' (refuse another policy) | 'set' | the version that it replaces (refuse any other;
 *       0: none), 9 channel, 10 message, 11 unit of adapting (µs)
 * Returns { index into applyVerdicts, version, policy JSON now in force }
 */
export const applyPolicyScript: Script = {
  name: 'sluiceApplyPolicy',
  keys: 7,
  lua: `
local old = redis.call('HMGET', KEYS[2], 'json', 'version', 'paceUs')
local version = tonumber(old[2] or '0')
if old[1] == ARGV[2] then return {2, version, old[1]} end
if old[1] and ARGV[8] == 'create' then return {3, version, old[1]} end
local replaces = tonumber(ARGV[8])
if replaces and replaces ~= version then return {3, version, old[1] or ''} end

version = version + 1
redis.call('HSET', KEYS[2], 'json', ARGV[2], 'version', version, 'paceUs', ARGV[5], 'window', ARGV[4], 'origin', ARGV[7], 'unitUs', ARGV[11])
redis.call('HSET', KEYS[1], ARGV[1], version)
redis.call('HSET', KEYS[3], 'max', ARGV[3], 'duration', ARGV[4], 'opts.maxLenEvents', ${eventsKept})
if ARGV[6] == '' then redis.call('HDEL', KEYS[3], 'concurrency') else redis.call('HSET', KEYS[3], 'concurrency', ARGV[6]) end

redis.call('DEL', KEYS[4], KEYS[7])
local time = redis.call('TIME')
local nowUs = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(nowUs / 1000)
local held = tonumber(redis.call('ZSCORE', KEYS[6], ARGV[7]) or '0')
if held > now then redis.call('SET', KEYS[4], '${closedGate}', 'PX', string.format('%.0f', held - now)) end

local next = tonumber(redis.call('GET', KEYS[5]) or '0')
if next > 0 then
  -- Where the upstream had lowered the rate the next start lies further off, by more than the old pace. The last one
  -- is reserved at most 1 s ahead; left as it is, the permit script would take it for a clock that was set back.
  local moved = math.min(next - tonumber(old[3] or '0'), nowUs + 1000000) + tonumber(ARGV[5])
  redis.call('SET', KEYS[5], string.format('%.0f', moved), 'PX', math.max(1, math.ceil(moved / 1000 - now)) + 1000)
end
redis.call('PUBLISH', ARGV[9], ARGV[10])
if old[1] then return {1, version, ARGV[2]} end
return {0, version, ARGV[2]}
`,
};
