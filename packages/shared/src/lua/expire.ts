import { type Script, whenFull } from './script.ts';

/**
 * Takes a job whose deadline passed out of the queue and into the failed jobs (the dead letters), unless a worker has
 * it: then the attempt's own timer ends it. Nobody else touches a job that waits in a held queue.
 *
 * KEYS  deadlines, wait, delayed, prioritized, failed, job, lock
 * ARGV  1 job id, 2 now (epoch ms), 3 failed reason
 * Returns 1 moved, 0 it is gone already, -1 a worker has it
 */
export const expireScript: Script = {
  name: 'sluiceExpire',
  keys: 7,
  lua: `${whenFull}
if redis.call('EXISTS', KEYS[7]) == 1 then return -1 end
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('EXISTS', KEYS[6]) == 0 then return 0 end
local removed = redis.call('ZREM', KEYS[3], ARGV[1]) + redis.call('ZREM', KEYS[4], ARGV[1])
if removed == 0 then removed = redis.call('LREM', KEYS[2], 1, ARGV[1]) end
if removed == 0 then return 0 end
redis.call('HSET', KEYS[6], 'failedReason', ARGV[3], 'finishedOn', ARGV[2])
redis.call('ZADD', KEYS[5], ARGV[2], ARGV[1])
return 1
`,
};
