import { defineScript } from '../define-script.ts';
import { gateTokenLua } from './parts/gate-token.ts';
import { rateTermsLua } from './parts/rate-terms.ts';
import { scheduleLua } from './parts/schedule.ts';
import { startLogLua } from './parts/start-log.ts';

/**
 * Gives back what a run has not used: the gate token that its job was taken with, and its permit. Whoever sends nothing
 * pays nothing: the start is off the log, and due again. At one request an hour, a worker that is stopped in the wrong
 * moment would cost the hour.
 *
 * start   of the permit (µs of Redis' clock); '' there is no rate, '-' no permit was granted
 * last    end of the start in the log
 * ageMs   since the job was taken; -1: it keeps its gate token, or has none
 *
 * Answer: the start is free again, and the gate token was given back.
 */
export const giveBackScript = defineScript({
  keys: (keys, queue: string) => ({
    policy: keys.policy(queue),
    starts: keys.starts(queue),
    schedule: keys.schedule(queue),
    limiter: keys.bull(queue).limiter,
    stats: keys.stats(queue),
  }),
  args: ['start', 'last', 'ageMs'],
  whenFull: true,
  parts: [gateTokenLua, rateTermsLua, startLogLua, scheduleLua],
  lua: `
local terms = rateTerms(policy)
if not terms then return {0, 0} end
local isFree = false
if start == '' then
  redis.call('HINCRBY', stats, 'sent', -1)
elseif start ~= '-' then
  isFree = takeBack(starts, schedule, stats, terms, start, last)
end
return {isFree and 1 or 0, refund(limiter, terms, tonumber(ageMs))}
`,
  read: (reply) => {
    const [start, token] = reply as [number, number];
    return { start: start === 1, token: token === 1 };
  },
});
