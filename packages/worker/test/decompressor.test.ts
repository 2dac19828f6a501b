import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test("undici's notice about its decompressor does not reach stderr, other warnings do", () => {
  const module = new URL('../src/http/decompressor.ts', import.meta.url).href;
  // A process of its own: undici says it once in each.
  const script = `
    import { createDecompressor } from ${JSON.stringify(module)};
    createDecompressor({});
    process.emitWarning('something else', 'ExperimentalWarning');
  `;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  expect(stderr).toContain('something else');
  expect(stderr).not.toContain('DecompressInterceptor');
});
