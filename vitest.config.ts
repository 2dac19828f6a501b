import { defineConfig } from 'vitest/config';

const conditions = ['sluice-source', 'node', 'import', 'module', 'default'];

const project = (name: string, include: string[]) => ({
  extends: true as const,
  test: { name, include },
});

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    testTimeout: 20_000,
    projects: [
      project('shared', ['packages/shared/test/**/*.test.ts']),
      project('producer', ['packages/producer/test/**/*.test.ts']),
      project('worker', ['packages/worker/test/**/*.test.ts']),
      project('cli', ['packages/cli/test/**/*.test.ts']),
      project('contract', ['test/contract/**/*.test.ts']),
      project('e2e', ['test/e2e/**/*.test.ts']),
    ],
  },
});
