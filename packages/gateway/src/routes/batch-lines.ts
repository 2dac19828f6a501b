import { StringDecoder } from 'node:string_decoder';
import { SluiceError, isObject } from '@sluice/shared';

/** The longest line, bytes: some hundred of them are in memory at once. */
export const longestLine = 256 * 2 ** 10;

/** A line of the input, from 1: a value, or what is wrong with it. */
export type Line = { line: number; value?: Record<string, unknown>; fault?: string };

/**
 * The lines of NDJSON, each as an object. Blank lines are left out.
 * @throws SluiceError SLUICE_REQUEST_TOO_LARGE for a line that is too long to look for its end
 */
export async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Line, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let line = 0;
  for await (const chunk of input) {
    rest += decoder.write(Buffer.from(chunk));
    const lines = rest.split('\n');
    rest = lines.pop()!;
    if (rest.length > longestLine) throw tooLong(line + lines.length + 1);
    for (const text of lines) {
      line += 1;
      if (text.length > longestLine) throw tooLong(line);
      if (text.trim() !== '') yield parsed(line, text);
    }
  }
  rest += decoder.end();
  if (rest.trim() !== '') yield parsed(line + 1, rest);
}

function parsed(line: number, text: string): Line {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? { line, value } : { line, fault: 'must be a JSON object: a job spec' };
  } catch (error) {
    return { line, fault: `is not JSON: ${(error as Error).message}` };
  }
}

function tooLong(line: number): SluiceError {
  const message = `line ${line} is longer than ${longestLine / 1024} KiB; enqueue it alone`;
  return new SluiceError('SLUICE_REQUEST_TOO_LARGE', message);
}
