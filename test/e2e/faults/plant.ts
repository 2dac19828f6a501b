import type { Fleet } from '../fleet.ts';

/** The options that producers write. */
export const plainOpts = '{"attempts":1000,"backoff":{"type":"sluice"}}';

/** Where a planted job lies: it waits, it waits for its time (now), or a worker that died had it. */
export type Place = 'wait' | 'delayed' | 'active';

/** Puts a job into Redis field by field, past every validation, and wakes the workers. */
export async function plant(
  { redis, keys }: Fleet,
  queue: string,
  id: string,
  fields: Record<string, string>,
  place: Place = 'wait',
): Promise<void> {
  const bull = keys.bull(queue);
  const all = { name: 'fetch', opts: plainOpts, timestamp: String(Date.now()), ...fields };
  await redis.hset(bull.job(id), all);
  await put({ redis, keys }, queue, id, place);
}

/** Puts no more than a job's id in its place. */
export async function put(
  { redis, keys }: Pick<Fleet, 'redis' | 'keys'>,
  queue: string,
  id: string,
  place: Place = 'wait',
): Promise<void> {
  const bull = keys.bull(queue);
  if (place === 'delayed') await redis.zadd(bull.delayed, Date.now() * 0x1000, id);
  else await redis.lpush(place === 'wait' ? bull.wait : bull.active, id);
  await redis.zadd(bull.marker, 0, '0');
}

/** The data of a job for a URL, as today's producers write it. */
export function envelopeFor(url: string, change: Record<string, unknown> = {}): Record<string, unknown> {
  return { v: 1, req: { url, method: 'GET', headers: {} }, at: Date.now(), ...change };
}
