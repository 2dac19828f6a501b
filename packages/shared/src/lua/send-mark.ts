import { type Script, whenFull } from './script.ts';

/**
 * Marks an attempt of an at-most-once job as being sent. The same run may ask twice: when the answer was lost with the
 * connection, which sends the command again.
 *
 * KEYS  send marks of the job
 * ARGV  1 attempt, 2 lock token of the run, 3 TTL (ms)
 * Returns 1 marked, 0 an earlier run has marked it
 */
export const markScript: Script = {
  name: 'sluiceMark',
  keys: 1,
  lua: `
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 and redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`,
};

/**
 * Takes a mark away that is not needed any more: nothing was sent, or BullMQ has been told how the attempt ended. Only
 * the run's own: the id may be that of a new job by now.
 *
 * KEYS  send marks of the job
 * ARGV  1 attempt, 2 lock token of the run
 */
export const unmarkScript: Script = {
  name: 'sluiceUnmark',
  keys: 1,
  lua: `${whenFull}
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
`,
};
