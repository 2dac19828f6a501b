import { PassThrough, Readable } from 'node:stream';
import { perform } from '../src/perform.ts';
import type { ProcessIo } from '../src/process-io.ts';
import { printableOnly } from '../src/text/printable.ts';

/** How a command ended, and what it printed. */
export type Printed = { code: number; stdout: string; stderr: string };

export type CommandOptions = {
  env?: Record<string, string>;
  input?: string;
  /** Standard output is a terminal of this width, with colours. */
  columns?: number;
  interrupt?: AbortSignal;
};

function stream(columns: number | undefined): { stream: NodeJS.WriteStream; text: () => string } {
  const chunks: Buffer[] = [];
  const through = new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk));
  const terminal = columns === undefined ? {} : { isTTY: true, columns, rows: 24 };
  return {
    stream: Object.assign(through, terminal) as unknown as NodeJS.WriteStream,
    text: () => Buffer.concat(chunks).toString(),
  };
}

/** Performs `sluice …` in this process; its output is a pipe, or a terminal as far as the command can tell. */
export async function runHere(args: string[], options: CommandOptions = {}): Promise<Printed> {
  const { env = {}, input = '', columns, interrupt = new AbortController().signal } = options;
  const [out, err] = [stream(columns), stream(columns)];
  const screen = printableOnly(out.stream);
  const terminal = printableOnly(err.stream);
  const io: ProcessIo = {
    env: { TERM: 'xterm', ...env },
    stdin: Readable.from([Buffer.from(input)]),
    stdout: out.stream,
    stderr: err.stream,
    screen,
    terminal,
    interrupt,
    stopping: { text: '', again: () => {} },
  };
  const code = await perform(['node', 'sluice', ...args], io);
  await new Promise((resolve) => setImmediate(resolve));
  return { code, stdout: out.text(), stderr: err.text() };
}

/** A text without its colours. */
export const uncoloured = (text: string) => text.replaceAll(new RegExp(`${escape}\\[[0-9;]*m`, 'g'), '');

export const escape = '\u001b';
