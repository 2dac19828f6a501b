import { type JobSpec, SluiceError, clip, normalSpecSchema, validate } from '@sluice/shared';
import { type Line, longestLine } from './lines.ts';

/** What one line of the input says. */
export type ParsedLine =
  | { type: 'skip' }
  | { type: 'spec'; spec: JobSpec }
  | { type: 'fault'; message: string };

/** How much of a bad line is quoted, in bytes: it may be megabytes long. */
const longestFault = 500;

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * One line: a URL, or a job spec as a JSON object; blank lines and those that begin with `#` are skipped. Pure.
 * A spec that it returns is valid in every field.
 */
export function parseLine(line: Line): ParsedLine {
  if ('tooLong' in line) return { type: 'fault', message: `is longer than ${longestLine / 2 ** 20} MiB` };
  let text: string;
  try {
    // The decoder also drops a byte order mark, with which some editors begin a file.
    text = decoder.decode(line.bytes).trim();
  } catch {
    return { type: 'fault', message: 'is not UTF-8; convert the file' };
  }
  if (text === '' || text.startsWith('#')) return { type: 'skip' };
  return text.startsWith('{') ? parseJob(text) : check({ url: text });
}

function parseJob(text: string): ParsedLine {
  try {
    return check(JSON.parse(text) as JobSpec);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { type: 'fault', message: clip(`is not a JSON object (${why})`, longestFault) };
  }
}

function check(spec: JobSpec): ParsedLine {
  try {
    validate(normalSpecSchema, spec, 'SLUICE_INVALID_SPEC', '');
    return { type: 'spec', spec };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return { type: 'fault', message: clip(error.message.replace(/^: /, ''), longestFault) };
  }
}
