import type { Redis } from 'ioredis';
import { type Keys, type WorkerRecord, decodeWorkerRecord } from '@sluice/shared';

/** The workers that have announced themselves within the last 15 s, the oldest first. Those of 0.1 never do. */
export async function liveWorkers(redis: Redis, keys: Keys): Promise<WorkerRecord[]> {
  const ids = await redis.zrange(keys.workers, 0, '-1');
  if (ids.length === 0) return [];
  // The record of one that is gone has expired.
  const texts = await redis.mget(ids.map((id) => keys.worker(id)));
  return texts
    .flatMap((text) => (text === null ? [] : (decodeWorkerRecord(text) ?? [])))
    .sort((a, b) => a.since - b.since);
}
