import type { Redis } from 'ioredis';
import { SluiceError, backlogFullLua, backlogFullReply } from '@sluice/shared';

/** BullMQ's scripts that add a job, and which of their keys is the queue's `meta`. */
const metaKeys: Readonly<Record<string, number>> = {
  addStandardJob: 3,
  addDelayedJob: 2,
  addPrioritizedJob: 2,
};

/**
 * What comes before the text of such a script: a queue that has as many jobs as its policy allows takes no more. A job that
 * is there already is not one more. What BullMQ packs into ARGV[1] begins with the prefix of the queue's keys and the id.
 */
const guard = (metaKey: number) => `do
  ${backlogFullLua}
  local full = backlogFull(KEYS[${metaKey}])
  if full then
    local packed = cmsgpack.unpack(ARGV[1])
    if redis.call('EXISTS', packed[1] .. packed[2]) == 0 then return redis.error_reply('-' .. full) end
  end
end
`;

/**
 * Puts the guard in front of BullMQ's scripts that add jobs, as BullMQ defines them on a client: the bound is looked at in
 * the very step that adds the job. To be called before a queue is opened on it.
 */
export function guardAdds(redis: Redis): void {
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, definition) => {
    const metaKey = metaKeys[name.split(':', 1)[0]!];
    define(
      name,
      metaKey === undefined ? definition : { ...definition, lua: guard(metaKey) + definition.lua },
    );
  };
}

const longestMs = 3_600_000;

/**
 * How long it takes the workers to make room for a tenth of the bound, ms: fewer callers then come in vain. 1 s to 1 h; 1 s
 * where there is no rate. Pure.
 */
export function roomInMs(waiting: number, most: number, paceUs: number): number {
  const taken = waiting - most + Math.max(1, Math.ceil(most / 10));
  return Math.min(longestMs, Math.max(1000, Math.ceil((taken * paceUs) / 1000)));
}

/** What the guard answered as an error of ours; null: it is another error. @param what what a fault calls the job */
export function backlogFull(error: unknown, queue: string, what: string): SluiceError | null {
  const [, waiting, most, paceUs] =
    (error instanceof Error
      ? new RegExp(`^${backlogFullReply} (\\d+) (\\d+) (\\d+)$`).exec(error.message)
      : null) ?? [];
  if (paceUs === undefined) return null;
  const retryAfterMs = roomInMs(Number(waiting), Number(most), Number(paceUs));
  const message = `${what}: queue "${queue}" has ${waiting} jobs that wait, and takes no more above ${most} (maxBacklog of its policy); try again in ${Math.ceil(retryAfterMs / 1000)} s`;
  return new SluiceError('SLUICE_BACKLOG_FULL', message, { retryAfterMs });
}
