import { defineScript } from '../define-script.ts';
import { fleetSeenLua } from './parts/fleet-seen.ts';

/**
 * Which queues may have stalled jobs: those with jobs in workers' hands. None, as long as no job may be taken for
 * stalled (see parts/fleet-seen.ts). In one call for many queues, most of which are idle.
 *
 * Also wakes a worker for jobs that wait where nobody works and nobody is told: a worker was lost after it had taken
 * the marker, BullMQ's wake-up, and before it took the job.
 *
 * Answer: the places of these queues in the list of names.
 */
export const stalledLookScript = defineScript({
  keys: (keys, _names: readonly string[]) => ({ sweeper: keys.sweeper }),
  tail: (keys, names: readonly string[]) =>
    names.flatMap((name) => {
      const { active, stalled, wait, marker, meta } = keys.bull(name);
      return [active, stalled, wait, marker, meta];
    }),
  args: ['pauseMs', 'allBackMs'],
  parts: [fleetSeenLua],
  lua: `
local may = mayJudge(sweeper, redisNow(), pauseMs, allBackMs)
local found = {}
for n = 1, #tail, 5 do
  local active, stalled, wait, marker, meta = unpack(tail, n, n + 4)
  -- An error: a job's id was the name of this key. The look at that queue finds it.
  local running = redis.pcall('LLEN', active)
  if may and (running ~= 0 or redis.call('EXISTS', stalled) == 1) then found[#found + 1] = (n - 1) / 5 end
  local waiting = running == 0 and redis.pcall('LLEN', wait)
  if type(waiting) == 'number' and waiting > 0 and redis.call('EXISTS', marker) == 0
    and redis.pcall('HEXISTS', meta, 'paused') == 0 then
    redis.call('ZADD', marker, 0, '0')
  end
end
return found
`,
  read: (reply) => reply as number[],
});
