import type { Script } from './script.ts';

/**
 * The producer has these replies: they leave its stream, and the markers of jobs that are gone from their queue are
 * dropped (a job that is still there may be run again by a stalled check, and the marker then stops it).
 *
 * KEYS  reply stream, then per job: its outcome, its BullMQ hash
 * ARGV  1 id of the last reply delivered
 */
export function acknowledgeLua(): string {
  return `
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
redis.call('XDEL', KEYS[1], ARGV[1])
for i = 2, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then redis.call('UNLINK', KEYS[i]) end
end
return 1
`;
}

/** The number of keys varies with the jobs, so it is given with each call (as the first argument). */
export const acknowledgeScript: Omit<Script, 'keys'> = { name: 'sluiceAcknowledge', lua: acknowledgeLua() };
