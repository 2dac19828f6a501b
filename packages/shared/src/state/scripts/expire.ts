import { defineScript } from '../define-script.ts';

/** What the expire script answers. */
export type ExpireVerdict = 'moved' | 'gone' | 'active';

/**
 * Takes a job whose deadline passed out of the queue and into the failed jobs (the dead letters), unless a worker has
 * it: then the attempt's own timer ends it. Nobody else touches a job that waits in a held queue.
 *
 * now     epoch ms
 * reason  the failed reason of the job
 */
export const expireScript = defineScript({
  keys: (keys, queue: string, job: string) => ({
    deadlines: keys.deadlines(queue),
    wait: keys.bull(queue).wait,
    delayed: keys.bull(queue).delayed,
    prioritized: keys.bull(queue).prioritized,
    failed: keys.bull(queue).failed,
    job: keys.bull(queue).job(job),
    lock: keys.bull(queue).lock(job),
  }),
  args: ['id', 'now', 'reason'],
  whenFull: true,
  lua: `
if redis.call('EXISTS', lock) == 1 then return -1 end
redis.call('ZREM', deadlines, id)
if redis.call('EXISTS', job) == 0 then return 0 end
local removed = redis.call('ZREM', delayed, id) + redis.call('ZREM', prioritized, id)
if removed == 0 then removed = redis.call('LREM', wait, 1, id) end
if removed == 0 then return 0 end
redis.call('HSET', job, 'failedReason', reason, 'finishedOn', now)
redis.call('ZADD', failed, now, id)
return 1
`,
  read: (reply): ExpireVerdict => (reply === 1 ? 'moved' : reply === 0 ? 'gone' : 'active'),
});
