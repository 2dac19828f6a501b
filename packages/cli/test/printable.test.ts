import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable, printableInLine, printableOnly } from '../src/text/printable.ts';
import { table } from '../src/text/table.ts';

describe('a text of others', () => {
  test.each([
    ['ESC', '\u001b[2J', String.raw`\u001b[2J`],
    ['C0', 'a\u0007\r\u0000b', String.raw`a\u0007\u000d\u0000b`],
    ['DEL and C1', '\u007f\u009b1m', String.raw`\u007f\u009b1m`],
    ['bidi', '\u202eevil\u2066', String.raw`\u202eevil\u2066`],
    ['invisible', 'a\u200bb\ufeff\u00ad', String.raw`a\u200bb\ufeff\u00ad`],
    ['separators', '\u2028\u2029', String.raw`\u2028\u2029`],
    ['tags beyond the BMP', '\u{e0041}', String.raw`\udb40\udc41`],
    ['half a pair', '\ud800x', String.raw`\ud800x`],
  ])('shows %s as what it is', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test('keeps what people write, new lines and tabs, too', () => {
    const text = 'Grüße, 你好 😀\n\tאבג';
    expect(printable(text)).toBe(text);
    expect(printableInLine('a\n\tb')).toBe(String.raw`a\n b`);
    expect(table([['a\nb', '\u001b']])).toBe(`${String.raw`a\nb  \u001b`}\n`);
  });

  test('is the same value in JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value);
        expect(JSON.parse(printable(json))).toEqual(JSON.parse(json));
      }),
    );
  });
});

test('a stream that is made so cannot be steered by any text that is written to it', () => {
  const written: unknown[] = [];
  const stream = { write: (chunk: unknown) => written.push(chunk) > 0 } as unknown as NodeJS.WriteStream;
  const terminal = printableOnly(stream);
  stream.write('\u001b[2J\n');
  stream.write(new Uint8Array([27]));
  terminal.write('\u001b[2K');
  expect(written).toEqual([String.raw`\u001b[2J` + '\n', new Uint8Array([27]), '\u001b[2K']);
});
