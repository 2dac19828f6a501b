import { setTimeout as sleep } from 'node:timers/promises';
import type { TestProject } from 'vitest/node';
import { bundlePrograms } from './bundle.ts';
import { removeContainers } from './containers.ts';
import { endMarked } from './leftovers.ts';
import { type TestRedis, startRedis } from './redis.ts';
import { scratchFiles, testRun } from './test-run.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The run's Redis, shared by all test files: use a key prefix of your own. */
    redisUrl: string;
  }
}

interface Shared {
  redis: Promise<TestRedis>;
  programs: Promise<void>;
  users: number;
}

/** Every project loads its own copy of this module, so what they share must be outside of it. */
const place = globalThis as typeof globalThis & { sluiceTestRedis?: Shared };

/** Vitest's global setup of each project that needs a Redis; a run has one server, however many projects it has. */
export async function setup(project: TestProject): Promise<void> {
  // Before the workers are forked: they inherit the run through the environment.
  testRun();
  place.sluiceTestRedis ??= { redis: announced(), programs: bundlePrograms(), users: 0 };
  place.sluiceTestRedis.users++;
  await place.sluiceTestRedis.programs;
  const { url } = await place.sluiceTestRedis.redis;
  project.provide('redisUrl', url);
}

/** Ends what the run has left behind, and fails the run for it. */
export async function teardown(): Promise<void> {
  const shared = place.sluiceTestRedis;
  if (shared === undefined || --shared.users > 0) return;
  delete place.sluiceTestRedis;
  await (await shared.redis).stop();
  const { id } = testRun();
  const left = [
    ...endMarked(id).map(({ pid, command }) => `process ${pid}, ended now: ${command}`),
    ...(await removeContainers(id)).map((container) => `container ${container}, removed now`),
    ...(await lasting(scratchFiles)).map((name) => `temporary file ${name}`),
  ];
  if (left.length > 0) throw new Error(`tests left behind:\n${left.map((line) => `  ${line}`).join('\n')}`);
}

/** What is still there after a while: the reaper of a killed process removes its files a moment later. */
async function lasting(look: () => string[]): Promise<string[]> {
  const end = Date.now() + 5000;
  while (look().length > 0 && Date.now() < end) await sleep(50);
  return look();
}

async function announced(): Promise<TestRedis> {
  const redis = await startRedis();
  console.log(`Redis for tests: ${redis.how}`);
  return redis;
}
