import { relative } from 'node:path';
import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { workspace } from './processes.ts';

const slowest = 10;

/** How long a file took, ms: to load, and to run with all its hooks. */
function tookMs(file: TestModule): number {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration, duration } =
    file.diagnostic();
  return environmentSetupDuration + prepareDuration + collectDuration + setupDuration + duration;
}

const nameOf = (file: TestModule) => relative(workspace, file.moduleId);

/** Vitest's reporter that ends a run with its slowest files, and with every test that was skipped: skipped is not passed. */
export class RunSummary implements Reporter {
  #isFiltered = false;

  onInit(vitest: Vitest): void {
    this.#isFiltered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(files: readonly TestModule[]): void {
    const byTime = files.toSorted((a, b) => tookMs(b) - tookMs(a)).slice(0, slowest);
    const lines = byTime.map((file) => `${(tookMs(file) / 1000).toFixed(1).padStart(7)} s  ${nameOf(file)}`);
    // Two files are no comparison: somebody runs the one that they work on.
    if (files.length > 2) console.log(`\nThe slowest files:\n${lines.join('\n')}`);

    // Somebody chose by name.
    if (this.#isFiltered) return;
    const skipped = files.flatMap((file) =>
      [...file.children.allTests('skipped')].map((test) => `  ${nameOf(file)} > ${test.fullName}`),
    );
    if (skipped.length > 0) console.log(`\n!!! SKIPPED, so not tested:\n${skipped.join('\n')}`);
  }
}
