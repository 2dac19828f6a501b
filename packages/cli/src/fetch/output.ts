import { isUtf8 } from 'node:buffer';
import { createWriteStream } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type FetchResponse, JobError } from '@sluice/producer';
import { SluiceError } from '@sluice/shared';
import type { ProcessIo } from '../process-io.ts';
import { reason } from '../reason.ts';
import { stdoutSink } from '../run/output/sink.ts';
import { printable } from '../text/printable.ts';
import { typedPath } from '../typed-path.ts';

/** How an answer is printed. */
export type OutputOptions = { include?: boolean; output?: string; json?: boolean };

type JobName = { id: string; queue: string };

/** Status and headers as HTTP writes them; each line of a repeated field is one. Pure. */
export function headText({ status, headers }: Pick<FetchResponse, 'status' | 'headers'>): string {
  const lines = [...headers].map(([name, value]) => `${name}: ${printable(value)}\n`);
  return `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd() + `\n${lines.join('')}\n`;
}

/** A body in JSON: text as text, other bytes in base64. */
function bodyField(bytes: Buffer): { body: string } | { bodyBase64: string } {
  return isUtf8(bytes) ? { body: bytes.toString('utf8') } : { bodyBase64: bytes.toString('base64') };
}

/** Prints a response, or writes its body to the file. @throws SluiceError when the file cannot be written */
export async function writeResponse(
  response: FetchResponse,
  job: JobName,
  { include = false, output, json = false }: OutputOptions,
  io: ProcessIo,
): Promise<void> {
  if (output !== undefined) await writeFile(response, typedPath(output, io.env));
  if (json) {
    const { status, url, attempts } = response;
    const body = output === undefined ? bodyField(await buffer(await response.stream())) : {};
    const headers = Object.fromEntries(response.headers);
    io.stdout.write(`${JSON.stringify({ ...job, status, url, attempts, headers, ...body })}\n`);
    return;
  }
  if (include) io.stdout.write(headText(response));
  if (output !== undefined) return;
  if (!io.stdout.isTTY) {
    // Bytes as they are, one piece after another.
    const sink = stdoutSink(io.stdout);
    for await (const chunk of await response.stream()) await sink.write(chunk as Buffer);
    await sink.end();
    return;
  }
  const bytes = await buffer(await response.stream());
  if (isUtf8(bytes)) io.stdout.write(bytes.toString('utf8'));
  else io.stderr.write(`sluice: the body (${bytes.length} bytes) is not text; write it to a file with -o\n`);
}

async function writeFile(response: FetchResponse, file: string): Promise<void> {
  const body = await response.stream();
  try {
    await pipeline(Readable.from(body), createWriteStream(file));
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw new SluiceError('SLUICE_INVALID_CONFIG', `--output: cannot write ${file}: ${reason(error)}`);
  }
}

/** Says how a job ended that has no response. */
export function writeFailure(
  error: SluiceError,
  job: JobName,
  { json = false }: OutputOptions,
  io: ProcessIo,
): void {
  const { code, message } = error;
  if (json) {
    const outcome = error instanceof JobError ? error.outcome.kind : 'expired';
    const attempts = error instanceof JobError ? error.outcome.attempts : 0;
    io.stdout.write(`${JSON.stringify({ ...job, outcome, attempts, error: { code, message } })}\n`);
  }
  io.stderr.write(`sluice: job ${job.id}: ${code}: ${message}\n`);
}
