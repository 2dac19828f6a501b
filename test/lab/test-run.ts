import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * One test run: whatever its tests start carries its mark, whatever they write is in its folder, and a reaper process
 * removes both when the run ends, however it ends. Vitest's main process opens the run, and its worker processes
 * inherit it through the environment. A program outside Vitest opens a run of its own on first use.
 */
const variable = 'SLUICE_TEST_RUN';

/** The variable that marks a process as started by a test; its value is the run's id. */
export const markVariable = 'SLUICE_TEST_CHILD_OF';

/** The label that marks a container as started by a test. */
export const containerLabel = 'sluice.test-run';

export interface TestRun {
  id: string;
  /** Absolute path; removed with everything in it when the run ends. */
  dir: string;
}

export function testRun(): TestRun {
  const inherited = process.env[variable];
  if (inherited !== undefined) return JSON.parse(inherited) as TestRun;

  const id = randomUUID();
  const run: TestRun = { id, dir: join(tmpdir(), `sluice-test-${id}`) };
  mkdirSync(scratch(run.dir), { recursive: true });
  process.env['TMPDIR'] = scratch(run.dir);
  process.env[variable] = JSON.stringify(run);

  // The reaper learns of our end from its stdin, so it works even if this process gets SIGKILL. It has a process group
  // of its own, so that the terminal's Ctrl-C does not end it too early.
  const reaper = fileURLToPath(new URL('reaper.ts', import.meta.url));
  const child = spawn(process.execPath, [reaper, run.id, run.dir], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
    env: withoutRun(),
  });
  child.stdin?.on('error', () => {});
  child.unref();
  return run;
}

/** Where the run's programs, and this process, make their own temporary files; they also remove them. */
const scratch = (dir: string) => join(dir, 'tmp');

/** The names of what is left in it. Testcontainers always leaves a lock file. */
export function scratchFiles(): string[] {
  return readdirSync(scratch(testRun().dir)).filter((name) => !/^testcontainers-node-\d+\.lock$/.test(name));
}

/** A new empty folder that is removed with the run. */
export function temporaryFolder(name: string): string {
  return mkdtempSync(join(testRun().dir, `${name}-`));
}

/** The programs that a run bundles: source -> place in `bundleFolder`. */
export const bundledPrograms: Readonly<Record<string, string>> = {
  'packages/cli/src/main.ts': 'main.js',
  'packages/worker/src/main.ts': 'node_modules/@sluice/worker/main.js',
  'packages/producer/test/producer-process.ts': 'producer-process/main.js',
  'packages/producer/test/fill-batch.ts': 'fill-batch/main.js',
};

/** The folder of the examples, which are bundled together: they share most of what they import. */
export const examplesFolder = 'examples/asyncio';

/** Where a program lies in the bundle; undefined: it is not part of it. @param file relative to the workspace */
export function placeInBundle(file: string): string | undefined {
  if (dirname(file) === examplesFolder) return join('examples', `${basename(file, '.ts')}.js`);
  return bundledPrograms[file];
}

export function bundleFolder(): string {
  return join(testRun().dir, 'bundle');
}

/** The environment for a process that a test starts: ours, marked, with `extra` added (undefined removes one). */
export function markedEnvironment(extra: Record<string, string | undefined> = {}): NodeJS.ProcessEnv {
  const { id, dir } = testRun();
  // Workers are started hundreds of times, and compiling, which only the first must do, is a third of a start.
  return {
    NODE_COMPILE_CACHE: join(dir, 'compile-cache'),
    ...withoutRun(),
    FORCE_COLOR: undefined,
    ...extra,
    [markVariable]: id,
  };
}

function withoutRun(): NodeJS.ProcessEnv {
  const { [variable]: _, ...rest } = process.env;
  return rest;
}
