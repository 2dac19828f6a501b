import { backlogField } from '../backlog.ts';
import { defineScript } from '../define-script.ts';
import { auditLua } from './parts/audit.ts';
import { gateTokenLua } from './parts/gate-token.ts';

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
 * start moves by the difference of the paces, so the change takes effect at once without a second start inside
 * either pace. The log of starts is kept. A new queue may send its burst at once; after a change, idle time has to earn it.
 *
 * queue        the name
 * json         the policy
 * max          of the gate, and its `durationMs`
 * paceUs       0: no rate; with `limit`, `spanUs`, `cellUs` and `burst`, see policy/pace.ts
 * concurrency  for the fleet; '' none
 * maxBacklog   jobs that may wait; '' any number
 * origin       that the queue serves; '' any
 * mode         'create' (refuse another policy) | 'set' | the version that it replaces (refuse any other; 0: none)
 * channel      where `message` is published
 * unitUs       of adapting
 * rateText     that the rate was given as; '' none. It is kept beside the policy, and makes it no other policy
 * actor        who does it, for the audit log
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
    schedule: keys.schedule(queue),
    stats: keys.stats(queue),
    auditLog: keys.audit,
  }),
  args: [
    'queue',
    'json',
    'max',
    'durationMs',
    'paceUs',
    'concurrency',
    'maxBacklog',
    'origin',
    'mode',
    'channel',
    'message',
    'unitUs',
    'limit',
    'spanUs',
    'cellUs',
    'burst',
    'rateText',
    'actor',
  ],
  parts: [gateTokenLua, auditLua],
  lua: `
local old = redis.call('HMGET', policy, 'json', 'version', 'paceUs', 'spanUs')
local version = tonumber(old[2] or '0')
if old[1] == json then
  if rateText ~= '' and mode ~= 'create' then redis.call('HSET', policy, 'rateText', rateText) end
  return {2, version, old[1]}
end
if old[1] and mode == 'create' then return {3, version, old[1]} end
local replaces = tonumber(mode)
if replaces and replaces ~= version then return {3, version, old[1] or ''} end

version = version + 1
redis.call('HSET', policy, 'json', json, 'version', version, 'paceUs', paceUs, 'window', durationMs, 'origin', origin, 'unitUs', unitUs,
  'rateText', rateText, 'limit', limit, 'spanUs', spanUs, 'cellUs', cellUs, 'burst', burst, 'paced', version)
redis.call('HSET', queues, queue, version)
redis.call('HSET', meta, 'max', max, 'duration', durationMs, 'opts.maxLenEvents', ${eventsKept})
if concurrency == '' then redis.call('HDEL', meta, 'concurrency') else redis.call('HSET', meta, 'concurrency', concurrency) end
if maxBacklog == '' then redis.call('HDEL', meta, '${backlogField}')
else redis.call('HSET', meta, '${backlogField}', maxBacklog .. ' ' .. paceUs) end

redis.call('DEL', limiter, flow)
local time = redis.call('TIME')
local nowUs = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(nowUs / 1000)
local held = tonumber(redis.call('ZSCORE', holds, origin) or '0')
if held > now then closeGate(limiter, held - now) end

-- Where the upstream had lowered the rate the next start lies further off, by more than the old pace. The last one
-- is reserved at most 1 s ahead; left as it is, the permit script would take it for a clock that was set back.
local oldPace = tonumber(old[3] or '0')
local function moved(following)
  return string.format('%.0f', math.min(following - oldPace, nowUs + 1000000) + tonumber(paceUs))
end
local following = tonumber(redis.call('GET', pace) or '0')
if following > 0 then
  redis.call('SET', pace, moved(following), 'PX', math.max(1, math.ceil(moved(following) / 1000 - now)) + 1000)
end
local due = tonumber(redis.call('HGET', schedule, 'due') or '0')
local sent = redis.call('HGET', stats, 'sent') or '0'
if not old[1] and due == 0 then
  redis.call('HSET', meta, 'max', string.format('%.0f', math.max(tonumber(max), tonumber(burst))))
  redis.call('HSET', schedule, 'due', string.format('%.0f', nowUs), 'bank', tonumber(burst) - 1, 'sent', sent)
elseif due > 0 then
  -- The log does not reach back so far, or was not kept while there was no rate.
  local isBlind = oldPace == 0 or tonumber(spanUs) > tonumber(old[4] or '0')
  local calm = string.format('%.0f', isBlind and nowUs + tonumber(spanUs) or nowUs)
  redis.call('HSET', schedule, 'due', moved(due), 'bank', 0, 'even', calm, 'calm', calm, 'sent', sent)
end
redis.call('HDEL', schedule, 'gate')
redis.call('PUBLISH', channel, message)
audit(old[1] and 'policy.change' or 'policy.create', queue, '', old[1] or '', json)
if old[1] then return {1, version, json} end
return {0, version, json}
`,
  read: (reply): ApplyReply => {
    const [index, version, json] = reply as [number, number, string];
    return { verdict: applyVerdicts[index]!, version, json };
  },
});
