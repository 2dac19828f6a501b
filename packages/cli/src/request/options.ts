import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import { type JobSpec, SluiceError, parseDuration } from '@sluice/shared';
import type { ProcessIo } from '../process-io.ts';
import { reason } from '../reason.ts';
import { typedPath } from '../typed-path.ts';

const invalid = 'SLUICE_INVALID_CONFIG';

/** What the options say of a request, as typed. */
export type RawRequestOptions = {
  request?: string;
  header?: string[];
  data?: string[];
  jsonBody?: string;
};

const repeated = (value: string, before: string[] | undefined) => [...(before ?? []), value];

/** Adds the options of a request, named as curl's are. */
export function addRequestOptions(command: Command): Command {
  return command
    .option('-X, --request <method>', 'the method (default: GET, or POST with a body)')
    .option('-H, --header <line>', 'a header, such as "accept: text/plain"; may be repeated', repeated)
    .option(
      '-d, --data <data>',
      'a form body; @FILE or @- for standard input; repeated, joined with &',
      repeated,
    )
    .addOption(
      new Option('--json-body <json>', 'a JSON body; @FILE or @- for standard input').conflicts('data'),
    );
}

/** `accept: text/plain` -> name and value. */
function headersOf(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) {
      throw new SluiceError(invalid, `--header: "${line}" is not a header; write NAME: VALUE`);
    }
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}

/** A body as it was typed, or the content of the file that it names. */
async function contentOf(option: string, typed: string, io: ProcessIo): Promise<Buffer> {
  if (!typed.startsWith('@')) return Buffer.from(typed);
  const file = typedPath(typed.slice(1), io.env);
  if (file === '-') return await buffer(io.stdin);
  try {
    return await readFile(file);
  } catch (error) {
    throw new SluiceError(invalid, `${option}: cannot read ${file}: ${reason(error)}`);
  }
}

/** Text as text, other bytes in base64. */
function bodyOf(bytes: Buffer): Pick<JobSpec, 'body' | 'bodyBase64'> {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? { body: text } : { bodyBase64: bytes.toString('base64') };
}

/**
 * The request that the options describe.
 * @throws SluiceError SLUICE_INVALID_CONFIG that names the option; the rest is the job spec's to check
 */
export async function readRequest(raw: RawRequestOptions, io: ProcessIo): Promise<Omit<JobSpec, 'url'>> {
  const headers = headersOf(raw.header ?? []);
  const spec: Omit<JobSpec, 'url'> = {};
  if (raw.request !== undefined) spec.method = raw.request;
  if (raw.jsonBody !== undefined) {
    const bytes = await contentOf('--json-body', raw.jsonBody, io);
    try {
      JSON.parse(bytes.toString('utf8'));
    } catch (error) {
      throw new SluiceError(invalid, `--json-body: is not JSON: ${reason(error)}`);
    }
    // As it was written: a number may have more digits than a double.
    Object.assign(spec, bodyOf(bytes));
    headers['content-type'] ??= 'application/json';
  }
  if (raw.data !== undefined) {
    const parts = await Promise.all(raw.data.map((data) => contentOf('--data', data, io)));
    const joined = parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from('&'), part]));
    Object.assign(spec, bodyOf(Buffer.concat(joined)));
    headers['content-type'] ??= 'application/x-www-form-urlencoded';
  }
  if (Object.keys(headers).length > 0) spec.headers = headers;
  return spec;
}

/**
 * A span of time that was typed, ms.
 * @throws SluiceError SLUICE_INVALID_CONFIG that names the option
 */
export function readSpan(option: string, typed: string, least = 1): number {
  const ms = parseDuration(typed);
  if (ms !== null && ms >= least) return ms;
  throw new SluiceError(invalid, `${option}: "${typed}" is not a duration; write 500ms, 30s, 5m or 2h`);
}
