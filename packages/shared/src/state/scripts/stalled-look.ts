import { defineScript } from '../define-script.ts';
import { fleetSeenLua } from './parts/fleet-seen.ts';

/**
 * Which queues may have stalled jobs: those with jobs in workers' hands. None, as long as no job may be taken for
 * stalled (see parts/fleet-seen.ts). In one call for many queues, most of which are idle.
 *
 * Answer: the places of these queues in the list of names.
 */
export const stalledLookScript = defineScript({
  keys: (keys, _names: readonly string[]) => ({ sweeper: keys.sweeper }),
  tail: (keys, names: readonly string[]) =>
    names.flatMap((name) => [keys.bull(name).active, keys.bull(name).stalled]),
  args: ['pauseMs', 'allBackMs'],
  parts: [fleetSeenLua],
  lua: `
local found = {}
if not mayJudge(sweeper, redisNow(), pauseMs, allBackMs) then return found end
for n = 1, #tail, 2 do
  -- An error: a job's id was the name of this key. The look at that queue finds it.
  local running = redis.pcall('LLEN', tail[n])
  if running ~= 0 or redis.call('EXISTS', tail[n + 1]) == 1 then found[#found + 1] = (n - 1) / 2 end
end
return found
`,
  read: (reply) => reply as number[],
});
