import { relative } from 'node:path';
import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { workspace } from './processes.ts';

const slowest = 10;

/** How long a file took to load and to run, with all its hooks, ms. */
function tookMs(file: TestModule): number {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration, duration } =
    file.diagnostic();
  return environmentSetupDuration + prepareDuration + collectDuration + setupDuration + duration;
}

const nameOf = (file: TestModule) => relative(workspace, file.moduleId);

/** A Vitest reporter that lists the slowest files and every skipped test at the end: skipped is not passed. */
export class RunSummary implements Reporter {
  #isFiltered = false;

  onInit(vitest: Vitest): void {
    this.#isFiltered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(files: readonly TestModule[]): void {
    const byTime = files.toSorted((a, b) => tookMs(b) - tookMs(a)).slice(0, slowest);
    const lines = byTime.map((file) => `${(tookMs(file) / 1000).toFixed(1).padStart(7)} s  ${nameOf(file)}`);
    // With two files or fewer, somebody runs what they work on, and there is nothing to compare.
    if (files.length > 2) console.log(`\nThe slowest files:\n${lines.join('\n')}`);

    // Somebody chose tests by name.
    if (this.#isFiltered) return;
    const skipped = files.flatMap((file) =>
      [...file.children.allTests('skipped')].map((test) => `  ${nameOf(file)} > ${test.fullName}`),
    );
    if (skipped.length > 0) console.log(`\n!!! SKIPPED, so not tested:\n${skipped.join('\n')}`);
  }
}
