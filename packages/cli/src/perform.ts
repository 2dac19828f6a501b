import { CommanderError } from 'commander';
import { SluiceError } from '@sluice/shared';
import { type ProcessIo, exitCodes } from './process-io.ts';
import { createProgram } from './program.ts';

/** Arguments -> a command -> the exit code. Errors are printed on `io.stderr`. @param argv as process.argv has it */
export async function perform(argv: readonly string[], io: ProcessIo): Promise<number> {
  let code: number = exitCodes.fault;
  try {
    await createProgram(io, (done) => (code = done)).parseAsync(argv);
  } catch (error) {
    const { interrupt, stderr } = io;
    if (error instanceof CommanderError) code = error.exitCode;
    else if (error instanceof SluiceError) stderr.write(`sluice: ${error.message}\n`);
    else if (interrupt.aborted && error instanceof Error && error.name === 'AbortError')
      code = interrupt.reason as number;
    else stderr.write(`sluice: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  }
  return code;
}
