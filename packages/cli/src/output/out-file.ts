import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { SluiceError } from '@sluice/shared';
import { reason } from '../reason.ts';
import { type Sink, streamSink } from './sink.ts';

const fault = (message: string, cause?: unknown) =>
  new SluiceError('SLUICE_INVALID_CONFIG', message, { cause });

/**
 * Opens the file of `--out` and sees that it can be written; what is in it stays until `begin()`. A file that was not
 * there goes away again when the run never begins.
 * @param input the file that the lines come from: it must not be overwritten
 * @throws SluiceError SLUICE_INVALID_CONFIG when it cannot be written
 */
export async function openOutFile(path: string, input: string): Promise<Sink> {
  const before = await stat(path).catch(() => null);
  const source = await stat(input).catch(() => null);
  if (before !== null && source !== null && before.ino === source.ino && before.dev === source.dev) {
    throw fault(`--out: ${path} is the input, which would be overwritten; name another file`);
  }
  let file: FileHandle;
  try {
    file = await open(path, 'a');
  } catch (error) {
    throw fault(
      `--out: cannot write ${path}: ${reason(error)}; name a file in a folder that you can write to`,
      error,
    );
  }

  const isFile = (await file.stat()).isFile();
  const stream = file.createWriteStream({ autoClose: false });
  const sink = streamSink(stream, (error) => fault(`--out: cannot write ${path}: ${reason(error)}`, error));
  let begun = false;
  return {
    ...sink,
    async begin() {
      begun = true;
      if (isFile) await file.truncate(0);
    },
    async [Symbol.asyncDispose]() {
      stream.destroy();
      await file.close().catch(() => {});
      if (!begun && before === null) await unlink(path).catch(() => {});
    },
  };
}
