import { type Settled, decodeSettled } from '../../job/outcome.ts';
import { defineScript } from '../define-script.ts';

/** What the watch script answers besides the outcome. */
const verdicts = ['unknown', 'watching', 'ended'] as const;

export type WatchReply = {
  verdict: (typeof verdicts)[number];
  /** Null also when the outcome went by reply and is not kept. */
  end: Settled | null;
};

/**
 * A process asks to be told of a job's end: the outcome if it has ended, else the process is added to those who are
 * told. In one step, so that an end in between is not missed.
 *
 * producer  '' is told already, and only asks
 * ttlMs     of the watch
 */
export const watchScript = defineScript({
  keys: (keys, queue: string, id: string) => ({
    outcome: keys.outcome(queue, id),
    watchers: keys.watchers(queue, id),
    job: keys.bull(queue).job(id),
  }),
  args: ['producer', 'ttlMs'],
  lua: `
local settled = redis.call('GET', outcome)
if settled then return {2, settled} end
-- A job that finished without an outcome that is still kept will have no other end.
if redis.call('EXISTS', job) == 0 or redis.call('HEXISTS', job, 'finishedOn') == 1 then return {0, ''} end
if producer ~= '' then
  redis.call('SADD', watchers, producer)
  redis.call('PEXPIRE', watchers, ttlMs)
end
return {1, ''}
`,
  answers: 'buffers',
  read: (reply): WatchReply => {
    const [index, bytes] = reply as [number, Buffer];
    return { verdict: verdicts[index]!, end: index === 2 ? decodeSettled(bytes) : null };
  },
});
