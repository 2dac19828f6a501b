import { defineScript } from '../define-script.ts';

/** What is known of the failed jobs of a queue. `oldestAt`: epoch ms. */
export type FailedGlance = { count: number; oldestAt: number };

/**
 * How many failed jobs queues have, and how old the oldest is: in one call for many queues, most of which have nothing
 * to remove.
 */
export const failedLookScript = defineScript({
  // The list is not read: a script must have a key.
  keys: (keys, _names: readonly string[]) => ({ queues: keys.queues }),
  tail: (keys, names: readonly string[]) => names.map((name) => keys.bull(name).failed),
  args: [],
  lua: `
local found = {}
for n, failed in ipairs(tail) do
  -- A job's id may have been the name of this key: then it is no sorted set, and there is nothing to remove.
  local oldest = redis.pcall('ZRANGE', failed, 0, 0, 'WITHSCORES')
  found[2 * n - 1] = oldest[2] and redis.call('ZCARD', failed) or 0
  found[2 * n] = oldest[2] or '0'
end
return found
`,
  read: (reply): FailedGlance[] => {
    const flat = reply as (number | string)[];
    return Array.from({ length: flat.length / 2 }, (_, n) => ({
      count: Number(flat[2 * n]),
      oldestAt: Number(flat[2 * n + 1]),
    }));
  },
});
