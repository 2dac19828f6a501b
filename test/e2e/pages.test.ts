import { existsSync } from 'node:fs';
import { expect, inject, test } from 'vitest';
import { follow, matches } from '../newcomer/follow.ts';
import { workspaceReader } from '../newcomer/workspace-reader.ts';

const isUsable = existsSync('/bin/bash') || existsSync('/usr/bin/bash');

test.skipIf(!isUsable)('the commands and programs of getting started work as written', async () => {
  expect(await follow('docs/getting-started.md', await workspaceReader(inject('redisUrl')))).toBeGreaterThan(12);
}, 180_000);

test.skipIf(!isUsable)('the commands of choosing a rate work as written', async () => {
  expect(await follow('docs/choosing-a-rate.md', await workspaceReader(inject('redisUrl')))).toBeGreaterThan(5);
}, 120_000);

test('what a page shows is compared with what was printed', () => {
  expect(matches('a …\n…\nz\n', 'a b\nc\nd\nz\n')).toBe(true);
  expect(matches('a …\n…\nz\n', 'a b\nz\n')).toBe(true);
  expect(matches('a.c\n', 'abc\n')).toBe(false);
  expect(matches('30 of 30\n', '29 of 30\n')).toBe(false);
});
