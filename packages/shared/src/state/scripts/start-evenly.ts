import { defineScript, ignored } from '../define-script.ts';
import { evenPaceLua } from './parts/even-pace.ts';

/**
 * A pause of a queue has ended: what its idle time earned is lost, so that the jobs that waited start at an even pace.
 */
export const startEvenlyScript = defineScript({
  keys: (keys, queue: string) => ({ schedule: keys.schedule(queue) }),
  args: [],
  parts: [evenPaceLua],
  lua: `
if redis.call('EXISTS', schedule) == 0 then return end
local time = redis.call('TIME')
startEvenly(schedule, tonumber(time[1]) * 1000000 + tonumber(time[2]))
`,
  read: ignored,
});
