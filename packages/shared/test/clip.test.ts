import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { clip } from '../src/fields/clip.ts';

test('a text that fits stays as it is', () => {
  const text = 'ä'.repeat(1024);
  expect(clip(text)).toBe(text);
});

test('a longer one is cut between two characters, and says so', () => {
  expect(clip('abcdefghij', 8)).toBe('abcde…');
  expect(clip('😀😀😀', 8)).toBe('😀…');
  expect(clip('aéé', 4)).toBe('a…');
});

test('none is longer than it may be, and none ends in half a character', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.integer({ min: 3, max: 100 }),
      (text, bytes) => {
        const clipped = clip(text, bytes);
        expect(Buffer.byteLength(clipped)).toBeLessThanOrEqual(bytes);
        expect(clipped.isWellFormed()).toBe(true);
        if (clipped !== text) expect(text.startsWith(clipped.slice(0, -1))).toBe(true);
      },
    ),
  );
});
