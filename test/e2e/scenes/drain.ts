import { inject } from 'vitest';
import { startTcpProxy } from '../../lab/faults/tcp-proxy.ts';
import type { Program } from '../../lab/processes.ts';

/** Longer than a worker takes to end that need not wait for it, on a machine that has other things to do. */
export const graceMs = 4000;
export const env = {
  SLUICE_LOCK_DURATION: '5s',
  SLUICE_STALLED_INTERVAL: '1s',
  SLUICE_GRACE: `${graceMs}ms`,
};
export const queue = 'api';
export const policy = { egress: { allow: ['127.0.0.0/8'] } };

/** Signals a worker. @returns how it ended, and ms that it took */
export async function end(
  worker: Program,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<[number | null, number]> {
  const begun = performance.now();
  worker.signal(signal);
  const { code } = await worker.exit();
  return [code, performance.now() - begun];
}

/** A proxy in front of the run's Redis, and the variables of a worker that goes through it. */
export async function shakyRedis() {
  const { hostname, port } = new URL(inject('redisUrl'));
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  return { proxy, through: { SLUICE_REDIS_URL: `redis://${proxy.host}:${proxy.port}` } };
}
