import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errorCodes } from '../src/index.ts';

it('lists every error code with its cause in docs/errors.md, and no other', () => {
  const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| (SLUICE_\w+) +\| (.+?) +\| (.+?) +\|$/gm)];
  const texts = Object.entries(errorCodes).map(([code, { text }]) => [code, text]);
  expect(Object.fromEntries(rows.map(([, code, cause]) => [code, cause]))).toEqual(Object.fromEntries(texts));
});
