import { closedGate } from '../../policy/pace.ts';
import { defineScript } from '../define-script.ts';

/** The entries that BullMQ keeps of a queue's event stream, which nothing here reads. Its own default is 10,000. */
const eventsKept = 100;

export const applyVerdicts = ['created', 'changed', 'same', 'conflict'] as const;

export type ApplyVerdict = (typeof applyVerdicts)[number];

export type ApplyReply = {
  verdict: ApplyVerdict;
  version: number;
  /** The policy now in force. '' where there is none. */
  json: string;
};

/**
 * Writes a queue's policy: policy, version, gate (BullMQ's global limit) and pace together. BullMQ's limiter key is
 * reset, else a queue that goes from 1/1h to 100/s would stay closed for the old hour; a hold is kept. The next
 * permit moves by the difference of the paces, so the change takes effect at once without a second start inside
 * either pace.
 *
 * queue        the name
 * json         the policy
 * max          of the gate, and its `durationMs`
 * paceUs       0: no rate
 * concurrency  for the fleet; '' none
 * origin       that the queue serves; '' any
 * mode         'create' (refuse another policy) | 'set' | the version that it replaces (refuse any other; 0: none)
 * channel      where `message` is published
 * unitUs       of adapting
 */
export const applyPolicyScript = defineScript({
  keys: (keys, queue: string) => ({
    queues: keys.queues,
    policy: keys.policy(queue),
    meta: keys.bull(queue).meta,
    limiter: keys.bull(queue).limiter,
    pace: keys.pace(queue),
    holds: keys.holds(queue),
    flow: keys.flow(queue),
  }),
  args: [
    'queue',
    'json',
    'max',
    'durationMs',
    'paceUs',
    'concurrency',
    'origin',
    'mode',
    'channel',
    'message',
    'unitUs',
  ],
  lua: `
local old = redis.call('HMGET', policy, 'json', 'version', 'paceUs')
local version = tonumber(old[2] or '0')
if old[1] == json then return {2, version, old[1]} end
if old[1] and mode == 'create' then return {3, version, old[1]} end
local replaces = tonumber(mode)
if replaces and replaces ~= version then return {3, version, old[1] or ''} end

version = version + 1
redis.call('HSET', policy, 'json', json, 'version', version, 'paceUs', paceUs, 'window', durationMs, 'origin', origin, 'unitUs', unitUs)
redis.call('HSET', queues, queue, version)
redis.call('HSET', meta, 'max', max, 'duration', durationMs, 'opts.maxLenEvents', ${eventsKept})
if concurrency == '' then redis.call('HDEL', meta, 'concurrency') else redis.call('HSET', meta, 'concurrency', concurrency) end

redis.call('DEL', limiter, flow)
local time = redis.call('TIME')
local nowUs = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(nowUs / 1000)
local held = tonumber(redis.call('ZSCORE', holds, origin) or '0')
if held > now then redis.call('SET', limiter, '${closedGate}', 'PX', string.format('%.0f', held - now)) end

local following = tonumber(redis.call('GET', pace) or '0')
if following > 0 then
  -- Where the upstream had lowered the rate the next start lies further off, by more than the old pace. The last one
  -- is reserved at most 1 s ahead; left as it is, the permit script would take it for a clock that was set back.
  local moved = math.min(following - tonumber(old[3] or '0'), nowUs + 1000000) + tonumber(paceUs)
  redis.call('SET', pace, string.format('%.0f', moved), 'PX', math.max(1, math.ceil(moved / 1000 - now)) + 1000)
end
redis.call('PUBLISH', channel, message)
if old[1] then return {1, version, json} end
return {0, version, json}
`,
  read: (reply): ApplyReply => {
    const [index, version, json] = reply as [number, number, string];
    return { verdict: applyVerdicts[index]!, version, json };
  },
});
