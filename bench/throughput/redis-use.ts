import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';

/** A number in the answer of INFO. @throws Error when it is missing */
export const field = (info: string, name: string) => {
  const value = new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1];
  if (value === undefined) throw new Error(`this Redis does not report ${name}`);
  return Number(value);
};

/** CPU time of the server since it started, ms. */
export async function redisCpuMs(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  return (field(info, 'used_cpu_sys') + field(info, 'used_cpu_user')) * 1000;
}

/** Memory of the data: used memory without the buffers of connections, bytes. */
export async function redisDataBytes(redis: Redis): Promise<number> {
  // Buffers of earlier commands shrink in the next turns of the server's loop.
  await sleep(300);
  const info = await redis.info('memory');
  return field(info, 'used_memory') - field(info, 'mem_clients_normal');
}

/** Resolves when a queue holds `count` waiting or active jobs; checks every 10 ms. */
export async function untilJobs(redis: Redis, bull: string, count: number): Promise<void> {
  for (;;) {
    const [waiting, running] = await Promise.all([redis.llen(`${bull}:wait`), redis.llen(`${bull}:active`)]);
    if (waiting + running === count) return;
    await sleep(10);
  }
}
