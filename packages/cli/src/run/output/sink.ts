import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { SluiceError } from '@sluice/shared';
import { reason } from '../../reason.ts';

/** Where result lines go. Disposed of without `begin()`, it leaves no trace. */
export type Sink = AsyncDisposable & {
  /** The run begins, after all checks: what was there before is replaced now. */
  begin(): Promise<void>;
  /** Resolves when there is room for more. @throws OutputClosed, or the fault of the file */
  write(chunk: string | Uint8Array): Promise<void>;
  /** Resolves when everything is written. @throws like write */
  end(): Promise<void>;
};

/** The reader of our standard output has gone, as `head` does after its last line. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/** No output: the lines are dropped. */
export const noSink: Sink = {
  begin: async () => {},
  write: async () => {},
  end: async () => {},
  [Symbol.asyncDispose]: async () => {},
};

/**
 * Writes to a stream, no faster than it takes the lines. Does not close it.
 * @param faultOf turns the stream's error into the one to throw
 */
export function streamSink(stream: Writable, faultOf: (error: NodeJS.ErrnoException) => Error): Sink {
  let failure: Error | undefined;
  const check = () => {
    if (failure !== undefined) throw failure;
  };
  stream.on('error', (error: NodeJS.ErrnoException) => (failure ??= faultOf(error)));
  return {
    begin: async () => {},
    async write(chunk) {
      check();
      if (stream.write(chunk)) return;
      // Its rejection is the stream's error, which is kept above.
      await Promise.race([once(stream, 'drain'), once(stream, 'close')]).catch(() => {});
      check();
    },
    async end() {
      check();
      // A write calls back after all writes before it, even if they failed.
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
      check();
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Standard output. Throws OutputClosed once its reader has gone. */
export function stdoutSink(stdout: Writable): Sink {
  return streamSink(stdout, (error) =>
    error.code === 'EPIPE'
      ? new OutputClosed('standard output was closed')
      : new SluiceError('SLUICE_INVALID_CONFIG', `cannot write to standard output: ${reason(error)}`, {
          cause: error,
        }),
  );
}
