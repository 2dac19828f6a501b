import { type Script, whenFull } from './script.ts';

/**
 * Takes a job that no worker can read out of wherever it is and into the failed jobs (the dead letters), with its raw
 * data kept. Also from a worker's hands, under its lock: BullMQ throws while it takes such a job, so nobody runs it.
 *
 * Where another type of key lies in the place of the job's hash, it is moved out of the way and kept for a while.
 *
 * KEYS  job, lock, active, stalled, wait, delayed, prioritized, failed, deadlines, put-off jobs, place of what is no hash
 * ARGV  1 job id, 2 now (epoch ms), 3 failed reason, 4 how long what is no hash is kept (ms)
 * Returns 1 moved, 0 it is gone already
 */
export const quarantineScript: Script = {
  name: 'sluiceQuarantine',
  keys: 11,
  lua: `${whenFull}
redis.call('ZREM', KEYS[9], ARGV[1])
redis.call('ZREM', KEYS[10], ARGV[1])
local found = redis.call('LREM', KEYS[3], 0, ARGV[1]) + redis.call('LREM', KEYS[5], 0, ARGV[1])
found = found + redis.call('ZREM', KEYS[6], ARGV[1]) + redis.call('ZREM', KEYS[7], ARGV[1])
if found == 0 then return 0 end
redis.call('SREM', KEYS[4], ARGV[1])
redis.call('DEL', KEYS[2])
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then
  redis.call('RENAME', KEYS[1], KEYS[11])
  redis.call('PEXPIRE', KEYS[11], ARGV[4])
end
redis.call('HSET', KEYS[1], 'failedReason', ARGV[3], 'finishedOn', ARGV[2])
redis.call('ZADD', KEYS[8], ARGV[2], ARGV[1])
return 1
`,
};
