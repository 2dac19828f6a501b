import { PassThrough, Readable } from 'node:stream';
import { perform } from '../../packages/cli/src/perform.ts';
import { printableOnly } from '../../packages/cli/src/text/printable.ts';

/** How a command ended, and what it printed. */
export type Performed = { code: number; stdout: string; stderr: string };

/** A stream for a command to print to that is no terminal, and all that came. */
function sink() {
  const chunks: Buffer[] = [];
  const stream = new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk));
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    text: async () => {
      const ended = new Promise((resolve) => stream.once('end', resolve));
      stream.end();
      await ended;
      return Buffer.concat(chunks).toString();
    },
  };
}

/** Performs `sluice …` in this process, as main.ts does in its own. */
export async function performHere(
  args: string[],
  env: Record<string, string | undefined>,
  input: string,
): Promise<Performed> {
  const [stdout, stderr] = [sink(), sink()];
  const screen = printableOnly(stdout.stream);
  const terminal = printableOnly(stderr.stream);
  const code = await perform(['node', 'sluice', ...args], {
    env,
    stdin: Readable.from([Buffer.from(input)]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    screen,
    terminal,
    interrupt: new AbortController().signal,
    stopping: { text: '', again: () => {} },
  });
  return { code, stdout: await stdout.text(), stderr: await stderr.text() };
}
