import { defineScript } from '../define-script.ts';

/** What Redis knows of one queue at a moment, in a few bytes. Times in epoch ms of Redis' clock. */
export type QueueGlance = {
  /** Of its policy. */
  version: string;
  /** The policy; null: it is the version that the caller has. */
  policyJson: string | null;
  /** The text that its rate was given as. */
  rateText: string | null;
  isPaused: boolean;
  waiting: number;
  active: number;
  delayed: number;
  failed: number;
  sent: number;
  rejected: number;
  /** The pace in force while the upstream rejects requests, µs; null: the policy's. */
  slowedPaceUs: number | null;
  /** ms until the gate opens; 0: it is open. */
  gateOpensInMs: number;
  /** The holds that last longest, three at most. */
  holds: { origin: string; until: number }[];
  /** The newest failed jobs since `since`, three at most. */
  failures: { id: string; at: number; reason: string }[];
};

export type OverviewReply = {
  /** Epoch ms of Redis' clock. */
  at: number;
  /** The names of all queues, if asked for. */
  names: string[];
  /** In the order of the names that were given. */
  queues: QueueGlance[];
};

const keysOfQueue = 11;

type QueueReply = [
  version: string | null,
  policy: [json: string | null, rateText: string | null] | [],
  paused: string | null,
  counts: number[],
  stats: (string | null)[],
  slowed: string | null,
  shutMs: number,
  holds: string[],
  failures: string[],
];

function pairs(flat: readonly string[]): [string, number][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at]!, Number(flat[2 * at + 1])]);
}

function glance(reply: QueueReply): QueueGlance {
  const [version, [json = null, rateText = null], paused, counts, stats, slowed, shutMs, holds, failures] =
    reply;
  const [waiting = 0, active = 0, delayed = 0, failed = 0] = counts;
  return {
    version: version ?? '',
    policyJson: json,
    rateText,
    isPaused: paused !== null,
    waiting,
    active,
    delayed,
    failed,
    sent: Number(stats[0] ?? 0),
    rejected: Number(stats[1] ?? 0),
    slowedPaceUs: slowed === null ? null : Number(slowed),
    gateOpensInMs: shutMs,
    holds: pairs(holds).map(([origin, until]) => ({ origin, until })),
    failures: Array.from({ length: failures.length / 3 }, (_, at) => ({
      id: failures[3 * at]!,
      at: Number(failures[3 * at + 1]),
      reason: failures[3 * at + 2]!,
    })),
  };
}

/**
 * The figures of many queues at one moment. Reads only, about a dozen short commands a queue: for a hundred or so.
 *
 * list   1: the names of all queues, too
 * known  the versions of the policies that the caller has, each followed by a comma
 * since  failures after this, epoch ms
 */
export const overviewScript = defineScript({
  keys: (keys, _names: readonly string[]) => ({ queues: keys.queues }),
  tail: (keys, names: readonly string[]) =>
    names.flatMap((name) => {
      const bull = keys.bull(name);
      return [
        bull.meta,
        bull.wait,
        bull.prioritized,
        bull.active,
        bull.delayed,
        bull.failed,
        bull.limiter,
        keys.policy(name),
        keys.stats(name),
        keys.flow(name),
        keys.holds(name),
      ];
    }),
  args: ['list', 'known', 'since'],
  lua: `
local time = redis.call('TIME')
local now = math.floor(tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000)
local found = {}
local at = 0
for version in string.gmatch(known, '([^,]*),') do
  local meta, wait, prioritized, active, delayed, failed = unpack(tail, at + 1, at + 6)
  local limiter, policy, stats, flow, holds = unpack(tail, at + 7, at + ${keysOfQueue})
  at = at + ${keysOfQueue}

  local terms = redis.call('HMGET', meta, 'paused', 'max')
  local shut = 0
  local taken = tonumber(redis.call('GET', limiter) or '0')
  if terms[2] and taken >= tonumber(terms[2]) then shut = math.max(0, redis.call('PTTL', limiter)) end
  local inForce = redis.call('HGET', policy, 'version')
  local written = {}
  if inForce and inForce ~= version then written = redis.call('HMGET', policy, 'json', 'rateText') end
  local dead = redis.call('ZCARD', failed)
  local failures = {}
  if dead > 0 then
    -- A job's hash lies beside the list: ...:failed, ...:ID.
    local beside = string.sub(failed, 1, -7)
    local newest = redis.call('ZREVRANGEBYSCORE', failed, '+inf', '(' .. since, 'WITHSCORES', 'LIMIT', 0, 3)
    for i = 1, #newest, 2 do
      local reason = redis.pcall('HGET', beside .. newest[i], 'failedReason')
      failures[#failures + 1] = newest[i]
      failures[#failures + 1] = newest[i + 1]
      failures[#failures + 1] = type(reason) == 'string' and string.sub(reason, 1, 500) or ''
    end
  end
  found[#found + 1] = {
    inForce,
    written,
    terms[1],
    {
      redis.call('LLEN', wait) + redis.call('ZCARD', prioritized),
      redis.call('LLEN', active),
      redis.call('ZCARD', delayed),
      dead,
    },
    redis.call('HMGET', stats, 'sent', 'refused'),
    redis.call('HGET', flow, 'paceUs'),
    shut,
    redis.call('ZREVRANGEBYSCORE', holds, '+inf', '(' .. now, 'WITHSCORES', 'LIMIT', 0, 3),
    failures,
  }
end
return {tostring(now), list == '1' and redis.call('HKEYS', queues) or {}, found}
`,
  read: (reply): OverviewReply => {
    const [now, names, queues] = reply as [string, string[], QueueReply[]];
    return { at: Number(now), names, queues: queues.map(glance) };
  },
});
