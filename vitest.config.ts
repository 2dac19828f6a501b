import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { RunSummary } from './test/lab/run-summary.ts';

// The packages' sources, not their builds; with Node's own conditions, which this list replaces.
const conditions = ['sluice-source', 'node', 'import', 'default'];

const project = (name: string, include: string | string[], globalSetup: string[] = []) => ({
  extends: true as const,
  test: { name, include: [include].flat(), globalSetup },
});

/** Files share what they import, which is a third of what they take. Not where tests measure the memory of their process. */
const sharing = <Project extends { test: object }>({ test, ...rest }: Project) => ({
  ...rest,
  test: { ...test, isolate: false },
});

/** Tests that measure the memory, or the loop, of their process. */
const measuring = 'packages/worker/test/{body-slabs,body-store,transform-process}.test.ts';

/**
 * Whatever needs a Redis and no program of its own. One project: each would load the packages' sources again, in every
 * process of its pool.
 */
const parts = [
  'packages/{producer,worker,gateway,cli,testing}/test/**/*.test.ts',
  'test/{docs,formats,packages,scripts}/**/*.test.ts',
  // What tests, benchmarks, the demo and the chaos run are made with.
  'test/{lab,chaos}/**/*.test.ts',
  'bench/method/*.test.ts',
];

const without = <Project extends { test: object }>({ test, ...rest }: Project, exclude: string) => ({
  ...rest,
  test: { ...test, exclude: [exclude] },
});

/** Starts the run's one Redis. Only where it is needed: the others run in seconds, on any machine. */
const redis = ['test/lab/global-setup.ts'];

/** When all others are through: tests of whole programs bring processes of their own, and wait for those. */
const programs = <Project extends { test: object }>({ test, ...rest }: Project) => ({
  ...rest,
  test: { ...test, testTimeout: 90_000, maxWorkers: 5, sequence: { groupOrder: 1 } },
});

const atOnce = <Project extends { test: object }>(maxWorkers: number, { test, ...rest }: Project) => ({
  ...rest,
  test: { ...test, maxWorkers },
});

/** A JSON report of the run is written here, too, for whoever counts the tests. */
const report = process.env['SLUICE_TEST_REPORT'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Many tests wait for a process, a server or a timer: one file at a time, vitest's choice for two cores, leaves one idle.
    maxWorkers: Math.max(5, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 60_000,
    passWithNoTests: true,
    reporters: ['default', new RunSummary(), ...(report === undefined ? [] : ['json'])],
    ...(report !== undefined && { outputFile: { json: report } }),
    projects: [
      sharing(project('shared', 'packages/shared/test/**/*.test.ts')),
      sharing(project('redis', 'packages/redis/test/**/*.test.ts')),
      project('body-store', 'packages/body-store/test/**/*.test.ts'),
      without(sharing(project('parts', parts, redis)), measuring),
      project('worker-memory', measuring, redis),
      sharing(programs(project('e2e', 'test/e2e/{*,faults/*}.test.ts', redis))),
      // Not part of `npm test`: `npm run test:faults`, `npm run test:release` and `npm run test:http`.
      // Fewer at once: each runs a fleet at a rate, for a minute and more.
      atOnce(3, programs(project('outages', 'test/e2e/outages/*.test.ts', redis))),
      atOnce(3, programs(project('release', ['test/release/*.test.ts', 'test/newcomer/*.test.ts'], redis))),
      programs(project('http', 'test/http/*.test.ts', redis)),
    ],
  },
});
