import { describe, expect, test } from 'vitest';
import { relativeText, timeOf, whenText } from '../src/text/when.ts';
import { typedPath } from '../src/typed-path.ts';

test('a time is a time, and how far away it is', () => {
  const now = Date.parse('2027-01-01T00:00:00.400Z');
  expect(whenText(now + 180_000, now)).toBe('2027-01-01T00:03:00Z (in 3 min)');
  expect(relativeText(now - 7_300_000, now)).toBe('2 h ago');
  expect(relativeText(now + 300, now)).toBe('now');
  expect(relativeText(now + 45_000, now)).toBe('in 45 s');
  expect(relativeText(now + 5 * 86_400_000, now)).toBe('in 5 d');
  expect(timeOf(Number.NaN)).toBe('an unknown time');
});

describe('a path on the command line', () => {
  const npm = { INIT_CWD: '/repo/lists', npm_lifecycle_script: 'node scripts/bootstrap.mjs sluice' };

  test('is one of the folder in which `npm run sluice -- …` was typed', () => {
    expect(typedPath('urls.txt', npm)).toBe('/repo/lists/urls.txt');
    expect(typedPath('../urls.txt', npm)).toBe('/repo/urls.txt');
    expect(typedPath('/tmp/urls.txt', npm)).toBe('/tmp/urls.txt');
    expect(typedPath('-', npm)).toBe('-');
  });

  test('is one of the package if the script has it, and of the process without npm or under another script', () => {
    const script = { ...npm, npm_lifecycle_script: 'sluice run data/urls.txt --out=done.jsonl' };
    expect(typedPath('data/urls.txt', script)).toBe('data/urls.txt');
    expect(typedPath('done.jsonl', script)).toBe('done.jsonl');
    expect(typedPath('urls.txt', {})).toBe('urls.txt');
    expect(typedPath('urls.txt', { ...npm, npm_lifecycle_script: 'vitest run' })).toBe('urls.txt');
  });
});
