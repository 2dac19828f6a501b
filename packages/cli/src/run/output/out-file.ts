import { constants, openSync } from 'node:fs';
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '@sluice/shared';
import { reason } from '../../reason.ts';
import { type Sink, streamSink } from './sink.ts';

const fault = (message: string, cause?: unknown) =>
  new SluiceError('SLUICE_INVALID_CONFIG', message, { cause });

/** Where to say what we are waiting for, and what ends the wait. */
export type OutFileIo = { stderr: { write(text: string): unknown }; interrupt: AbortSignal };

/** How often we try to open a FIFO that nobody reads yet, ms. */
const lookAgainMs = 100;

/**
 * A FIFO can be written only once somebody reads it. A blocking open would occupy a thread until then. No signal ends
 * that, and the process could not exit.
 * @throws the interrupt's AbortError
 */
async function openFifo(path: string, { stderr, interrupt }: OutFileIo): Promise<Sink> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      // Non-blocking, so it returns at once.
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      const stream = new Socket({ fd, readable: false, writable: true });
      const sink = streamSink(stream, (error) =>
        fault(`--out: cannot write ${path}: ${reason(error)}`, error),
      );
      return {
        ...sink,
        async [Symbol.asyncDispose]() {
          stream.destroy();
        },
      };
    } catch (error) {
      // No reader.
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') {
        throw fault(`--out: cannot write ${path}: ${reason(error)}`, error);
      }
    }
    if (isFirst) stderr.write(`sluice: --out: waiting for a reader of ${path}; Ctrl-C ends it\n`);
    await sleep(lookAgainMs, undefined, { signal: interrupt });
  }
}

/**
 * Opens the file of `--out` and checks that it can be written. Its content stays until `begin()`. If the run never
 * begins, a file that did not exist before is removed again.
 * @param input the file that the lines come from: it must not be overwritten
 * @throws SluiceError SLUICE_INVALID_CONFIG when it cannot be written; AbortError when interrupted at a FIFO
 */
export async function openOutFile(path: string, input: string, io: OutFileIo): Promise<Sink> {
  const before = await stat(path).catch(() => null);
  const source = await stat(input).catch(() => null);
  if (before !== null && source !== null && before.ino === source.ino && before.dev === source.dev) {
    throw fault(`--out: ${path} is the input, which would be overwritten; name another file`);
  }
  if (before?.isFIFO() === true) return await openFifo(path, io);
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
