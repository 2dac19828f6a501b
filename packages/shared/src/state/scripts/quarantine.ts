import { defineScript, isOne } from '../define-script.ts';

/**
 * Takes a job that no worker can read out of wherever it is and into the failed jobs (the dead letters), with its raw
 * data kept. Also from a worker's hands, under its lock: BullMQ throws while it takes such a job, so nobody runs it.
 *
 * Where another type of key lies in the place of the job's hash, it is moved out of the way and kept for a while.
 *
 * now     epoch ms
 * reason  the failed reason of the job
 * keptMs  how long what is no hash is kept
 *
 * Answer: it is moved; it was not gone already.
 */
export const quarantineScript = defineScript({
  keys: (keys, queue: string, job: string) => ({
    job: keys.bull(queue).job(job),
    lock: keys.bull(queue).lock(job),
    active: keys.bull(queue).active,
    stalled: keys.bull(queue).stalled,
    wait: keys.bull(queue).wait,
    delayed: keys.bull(queue).delayed,
    prioritized: keys.bull(queue).prioritized,
    failed: keys.bull(queue).failed,
    deadlines: keys.deadlines(queue),
    putOffJobs: keys.putOff(queue),
    quarantined: keys.quarantined(queue, job),
  }),
  args: ['id', 'now', 'reason', 'keptMs'],
  whenFull: true,
  lua: `
redis.call('ZREM', deadlines, id)
redis.call('ZREM', putOffJobs, id)
local found = redis.call('LREM', active, 0, id) + redis.call('LREM', wait, 0, id)
found = found + redis.call('ZREM', delayed, id) + redis.call('ZREM', prioritized, id)
if found == 0 then return 0 end
redis.call('SREM', stalled, id)
redis.call('DEL', lock)
local kind = redis.call('TYPE', job).ok
if kind ~= 'hash' and kind ~= 'none' then
  redis.call('RENAME', job, quarantined)
  redis.call('PEXPIRE', quarantined, keptMs)
end
redis.call('HSET', job, 'failedReason', reason, 'finishedOn', now)
redis.call('ZADD', failed, now, id)
return 1
`,
  read: isOne,
});
