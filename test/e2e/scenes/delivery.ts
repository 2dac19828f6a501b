import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Handle, JobSpec, PolicyInput } from '../../../packages/producer/src/index.ts';
import { spawnUpstream } from '../../lab/upstream/spawn.ts';
import type { Upstream } from '../../lab/upstream/server.ts';
import { type Fleet, killAndUnlock, openFleet, until } from '../fleet.ts';

const env = { SLUICE_LOCK_DURATION: '5s', SLUICE_STALLED_INTERVAL: '1s' };

/** Of the file's tests, which each find it empty. */
export let upstream: Upstream;

/** To be called by a test file: it has the upstream from its first test to its last. */
export function useUpstream(): void {
  beforeAll(async () => {
    upstream = await spawnUpstream({ keepHeaders: true });
  });
  beforeEach(async () => {
    await upstream.set({ latencyMs: 0 });
    await upstream.reset();
  });
  afterAll(() => upstream.close());
}

export const policy: PolicyInput = { egress: { allow: ['127.0.0.0/8'] }, retry: { base: 10, jitter: 0 } };

export async function open(change: PolicyInput = {}, extra: Record<string, string> = {}): Promise<Fleet> {
  const fleet = await openFleet(1, { ...env, ...extra });
  await fleet.client.policies.set('api', { ...policy, ...change });
  return fleet;
}

export const post = (fleet: Fleet, spec: Partial<JobSpec> = {}) =>
  fleet.client.enqueue({ url: `${upstream.url}/json`, method: 'POST', body: 'x', ...spec }, { queue: 'api' });

/** Resolves when the upstream has seen so many requests. */
export const arrived = (count: number) => until(async () => (await upstream.arrivals()).length >= count);

/** The worker is killed, and another one takes its place. */
export async function replaceWorker(fleet: Fleet): Promise<void> {
  await killAndUnlock(fleet, 'api', fleet.workers[0]!);
  await upstream.set({ latencyMs: 0 });
  await fleet.startWorker();
}

/** Puts the next start of the queue so far away that a permit is granted, and slept on. */
export async function postponeNextStart({ redis, keys }: Fleet, ms: number): Promise<void> {
  const [seconds, micros] = await redis.time();
  const next = Number(seconds) * 1_000_000 + Number(micros) + ms * 1000;
  await redis.hset(keys.schedule('api'), { due: next, bank: 0 });
}

export const permitsGranted = async ({ redis, keys }: Fleet) =>
  Number(await redis.hget(keys.stats('api'), 'sent'));
export const isMarked = async ({ redis, keys }: Fleet, { id }: Handle) =>
  (await redis.exists(keys.sent('api', id))) === 1;
