import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errorCodes } from '../src/index.ts';

it('lists every error code with its HTTP status and cause in docs/errors.md, and no other', () => {
  const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| (SLUICE_\w+) +\| (\d+) +\| (.+?) +\| (.+?) +\|$/gm)];
  const documented = rows.map(([, code, status, text]) => [code, { status: Number(status), text }]);
  expect(Object.fromEntries(documented)).toEqual(errorCodes);
});
