import type { TestProject } from 'vitest/node';
import { endMarked } from './leftovers.ts';
import { type TestRedis, startRedis } from './redis.ts';
import { testRun } from './test-run.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The run's Redis, shared by all test files: use a key prefix of your own. */
    redisUrl: string;
  }
}

interface Shared {
  redis: Promise<TestRedis>;
  users: number;
}

/** Every project loads this module anew; what they share has to lie outside of it. */
const place = globalThis as typeof globalThis & { sluiceTestRedis?: Shared };

/** Vitest's global setup of each project that needs a Redis; a run has one server, however many projects it has. */
export async function setup(project: TestProject): Promise<void> {
  // Before the workers are forked: they inherit the run through the environment.
  testRun();
  place.sluiceTestRedis ??= { redis: announced(), users: 0 };
  place.sluiceTestRedis.users++;
  const { url } = await place.sluiceTestRedis.redis;
  project.provide('redisUrl', url);
}

export async function teardown(): Promise<void> {
  const shared = place.sluiceTestRedis;
  if (shared === undefined || --shared.users > 0) return;
  delete place.sluiceTestRedis;
  await (await shared.redis).stop();
  const left = endMarked(testRun().id);
  if (left.length > 0) {
    const list = left.map(({ pid, command }) => `  ${pid} ${command}`).join('\n');
    throw new Error(`tests left ${left.length} processes running (they are ended now):\n${list}`);
  }
}

async function announced(): Promise<TestRedis> {
  const redis = await startRedis();
  console.log(`Redis for tests: ${redis.how}`);
  return redis;
}
