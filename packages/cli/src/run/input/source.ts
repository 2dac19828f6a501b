import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SluiceError } from '@sluice/shared';
import { reason } from '../../reason.ts';

/** An input that can be read twice: once to check it, once to send it. */
export type Source = AsyncDisposable & {
  /** The file that is read; for a pipe, the temporary copy. */
  path: string;
  read(): AsyncIterable<Buffer>;
};

/**
 * Opens FILE, or `-` for standard input. What cannot be read twice (a pipe, a terminal) is copied to a temporary file
 * first, which is removed with the source.
 * @throws SluiceError SLUICE_INVALID_CONFIG when the file cannot be read
 */
export async function openSource(file: string, stdin: Readable, signal?: AbortSignal): Promise<Source> {
  if (file === '-') return await spool(stdin, signal);
  try {
    const info = await stat(file);
    if (info.isDirectory()) throw new Error('is a directory');
    if (!info.isFile()) return await spool(createReadStream(file), signal);
    const probe = createReadStream(file, { end: 0 });
    await new Promise<void>((resolve, reject) =>
      probe.once('readable', () => resolve()).once('error', reject),
    );
    probe.destroy();
  } catch (error) {
    throw new SluiceError('SLUICE_INVALID_CONFIG', `cannot read the input ${file}: ${reason(error)}`, {
      cause: error,
    });
  }
  const read = () => createReadStream(file) as AsyncIterable<Buffer>;
  return { path: file, read, [Symbol.asyncDispose]: async () => {} };
}

async function spool(input: Readable, signal: AbortSignal | undefined): Promise<Source> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-input-'));
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow);
  const dispose = async () => {
    process.off('exit', removeNow);
    await rm(folder, { recursive: true, force: true });
  };
  const path = join(folder, 'lines');
  try {
    // Only this user may read it: a job spec can hold a body or a header that nobody else should see.
    await pipeline(input, createWriteStream(path, { mode: 0o600 }), { signal });
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    path,
    read: () => createReadStream(path) as AsyncIterable<Buffer>,
    [Symbol.asyncDispose]: dispose,
  };
}
