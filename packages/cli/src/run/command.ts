import { SluiceError } from '@sluice/shared';
import { checkInput, readSpecs } from './input/check.ts';
import { openSource } from './input/source.ts';
import { openOutFile } from './output/out-file.ts';
import { resultLine } from './output/result-line.ts';
import { OutputClosed, type Sink, noSink, stdoutSink } from './output/sink.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { type Display, barDisplay, lineDisplay, quietDisplay } from './progress/display.ts';
import { type RunResult, runList } from './run-list.ts';
import { counted, summaryText } from './summary.ts';
import { typedPath } from '../typed-path.ts';
import { printableInLine } from '../text/printable.ts';
import { type RawRunOptions, type RunCommandOptions, placeText, readRunOptions } from './options.ts';

/**
 * `sluice run FILE`: options -> input (checked in full) -> output -> the run -> summary.
 * @returns the exit code
 * @throws SluiceError for bad usage, and for faults of Redis and of the workers
 */
export async function runCommand(file: string, raw: RawRunOptions, io: ProcessIo): Promise<number> {
  const options = readRunOptions(raw, io.env);
  if (file === '-' && io.stdin.isTTY && !options.quiet) {
    io.stderr.write('sluice: reading URLs from the terminal; Ctrl-D ends them\n');
  }
  await using source = await openSource(typedPath(file, io.env), io.stdin, io.interrupt);
  const input = await checkInput(source, (line, message) => {
    io.stderr.write(`sluice: line ${line}: ${printableInLine(message)}\n`);
  });
  if (input.faults > 0) {
    const message = `${counted(input.faults, 'bad line')}; nothing was enqueued`;
    throw new SluiceError('SLUICE_INVALID_SPEC', message);
  }
  await using sink = await openSink(options, source.path, io);
  const display = chooseDisplay(options, io);
  const say = (text: string) => {
    if (!options.quiet) display.line(`sluice: ${text}`);
  };

  try {
    const result = await runList(
      {
        ...options,
        env: io.env,
        jobs: input.jobs,
        origin: input.origin,
        specs: () => readSpecs(source),
        signal: io.interrupt,
      },
      {
        async begin() {
          await sink.begin();
          say(`${counted(input.jobs, 'job')}, ${counted(options.workers, 'worker')}, ${placeText(options)}`);
        },
        item: (item) => sink.write(`${JSON.stringify(resultLine(item, options.bodies))}\n`),
        progress: (progress) => display.progress(progress),
        warn: (text) => display.line(`sluice: ${text}`),
      },
    );
    await sink.end();
    display.stop();
    return report(result, options, io);
  } catch (error) {
    // `sluice run … | head` is not a fault worth a message.
    if (error instanceof OutputClosed) return exitCodes.fault;
    throw error;
  } finally {
    display.stop();
  }
}

/** `--json` wants standard output for itself. */
async function openSink(options: RunCommandOptions, input: string, io: ProcessIo): Promise<Sink> {
  if (options.out !== undefined) return await openOutFile(typedPath(options.out, io.env), input, io);
  return options.json ? noSink : stdoutSink(io.stdout);
}

/** A bar and result lines would garble each other on one terminal. */
function chooseDisplay(options: RunCommandOptions, io: ProcessIo): Display {
  if (options.quiet) return quietDisplay(io.stderr);
  const shared = io.stdout.isTTY && options.out === undefined && !options.json;
  return io.stderr.isTTY && !shared
    ? barDisplay(io.terminal)
    : lineDisplay(io.stderr, () => performance.now());
}

function report({ summary, tally }: RunResult, options: RunCommandOptions, io: ProcessIo): number {
  if (options.json) io.stdout.write(`${JSON.stringify(summary)}\n`);
  if (!options.quiet) io.stderr.write(`${summaryText(summary, tally)}\n`);
  if (io.interrupt.aborted) return io.interrupt.reason as number;
  return tally.failed > 0 ? exitCodes.someFailed : exitCodes.allCompleted;
}
