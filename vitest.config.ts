import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// The packages' sources, not their builds; with Node's own conditions, which this list replaces.
const conditions = ['sluice-source', 'node', 'import', 'default'];

const project = (name: string, include: string, globalSetup: string[] = []) => ({
  extends: true as const,
  test: { name, include: [include], globalSetup },
});

/** Starts the run's one Redis. Only where it is needed: the others run in seconds, on any machine. */
const redis = ['test/support/global-setup.ts'];

/**
 * Runs a project's files one after another, when all others are through. For tests of whole programs, which bring
 * their own processes and look at rates: beside others they would measure those.
 */
const alone = <Project extends { test: object }>({ test, ...rest }: Project) => ({
  ...rest,
  test: { ...test, fileParallelism: false, sequence: { groupOrder: 1 } },
});

/** Two files at once, when all others are through: tests that mostly wait for locks and clocks. */
const two = <Project extends { test: object }>({ test, ...rest }: Project) => ({
  ...rest,
  test: { ...test, maxWorkers: 2, sequence: { groupOrder: 2 } },
});

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Many tests wait for a server or a timer: one file at a time, vitest's choice for two cores, leaves one idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 60_000,
    passWithNoTests: true,
    projects: [
      project('shared', 'packages/shared/test/**/*.test.ts'),
      project('redis', 'packages/redis/test/**/*.test.ts'),
      project('body-store', 'packages/body-store/test/**/*.test.ts'),
      project('producer', 'packages/producer/test/**/*.test.ts', redis),
      project('worker', 'packages/worker/test/**/*.test.ts', redis),
      project('cli', 'packages/cli/test/**/*.test.ts', redis),
      project('contract', 'test/contract/**/*.test.ts', redis),
      alone(project('e2e', 'test/e2e/{,outages/}*.test.ts', redis)),
      two(project('faults', 'test/e2e/faults/*.test.ts', redis)),
    ],
  },
});
