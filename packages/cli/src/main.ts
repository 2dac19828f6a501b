import { defaultStopping, interruptSignal } from './interrupt.ts';
import { perform } from './perform.ts';
import { exitCodes } from './process-io.ts';
import { reason } from './reason.ts';
import { printableOnly } from './text/printable.ts';

// The process: arguments, environment, streams and signals -> a command -> the exit code.
const { stdin, stdout, stderr, env, argv } = process;
let unwritten: NodeJS.ErrnoException | undefined;
// A reader that has gone must not bring the process down before it has cleaned up.
stdout.on('error', (error) => (unwritten ??= error));
stderr.on('error', () => {});
// Text from upstreams and other writers must not steer the terminal, wherever it is written.
const screen = printableOnly(stdout);
const terminal = printableOnly(stderr);
const stopping = defaultStopping(process);
const interrupt = interruptSignal(process, (text) => stderr.write(`\nsluice: ${text}\n`), stopping);

let code = await perform(argv, { env, stdin, stdout, stderr, screen, terminal, interrupt, stopping });
const flushed = (stream: NodeJS.WriteStream) =>
  new Promise<void>((resolve) => {
    if (stream.destroyed || stream.errored !== null) resolve();
    else stream.write('', () => resolve());
  });
await flushed(stdout);
// The stream has the error before it emits it.
unwritten ??= stdout.errored ?? undefined;
// `sluice … | head` is not a fault worth a message.
if (unwritten !== undefined && code === exitCodes.allCompleted) {
  code = exitCodes.fault;
  if (unwritten.code !== 'EPIPE')
    stderr.write(`sluice: cannot write to standard output: ${reason(unwritten)}\n`);
}
await flushed(stderr);
// A connection to a Redis that is gone would keep the process alive.
process.exit(code);
