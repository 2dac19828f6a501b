import { CommanderError } from 'commander';
import { SluiceError } from '@sluice/shared';
import { type ProcessIo, exitCodes } from './process-io.ts';
import { createProgram } from './program.ts';
import { OutputClosed } from './run/output/sink.ts';
import { paintFor } from './text/colour.ts';
import { printable } from './text/printable.ts';

/** Arguments -> a command -> the exit code. Errors are printed on `io.stderr`. @param argv as process.argv has it */
export async function perform(argv: readonly string[], io: ProcessIo): Promise<number> {
  let code: number = exitCodes.fault;
  try {
    await createProgram(io, (done) => (code = done)).parseAsync(argv);
  } catch (error) {
    const { interrupt, stderr } = io;
    const name = paintFor(stderr, io.env)('red', 'sluice:');
    if (error instanceof CommanderError) code = error.exitCode;
    // `sluice … | head` is not a fault worth a message.
    else if (error instanceof OutputClosed) code = exitCodes.fault;
    else if (error instanceof SluiceError) io.terminal.write(`${name} ${printable(error.message)}\n`);
    else if (interrupt.aborted && error instanceof Error && error.name === 'AbortError')
      code = interrupt.reason as number;
    else stderr.write(`sluice: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
  return code;
}
