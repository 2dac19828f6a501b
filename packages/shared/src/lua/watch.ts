import type { Script } from './script.ts';

/** What the watch script answers besides the outcome. */
export const watchVerdicts = { ended: 2, watching: 1, unknown: 0 } as const;

/**
 * A process asks to be told of a job's end: the outcome if it has ended, else the process is added to those who are
 * told. In one step, so that an end in between is not missed.
 *
 * KEYS  outcome, watchers, job
 * ARGV  1 producer ('' is told already, and only asks), 2 TTL of the watch (ms)
 * Returns { one of watchVerdicts, the outcome's bytes }
 */
export const watchScript: Script = {
  name: 'sluiceWatch',
  keys: 3,
  lua: `
local outcome = redis.call('GET', KEYS[1])
if outcome then return {${watchVerdicts.ended}, outcome} end
-- A job that finished without an outcome that is still kept will have no other end.
if redis.call('EXISTS', KEYS[3]) == 0 or redis.call('HEXISTS', KEYS[3], 'finishedOn') == 1 then return {${watchVerdicts.unknown}, ''} end
if ARGV[1] ~= '' then
  redis.call('SADD', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return {${watchVerdicts.watching}, ''}
`,
};
