import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { ResultLine } from '../../packages/cli/src/run/output/result-line.ts';
import { type Exit, type Program, type ProgramOptions, startProgram } from '../lab/processes.ts';
import { temporaryFolder } from '../lab/test-run.ts';

/** A run of the command line whose every descendant and temporary file can be found again. */
export type SluiceProgram = Program & {
  /** Its own temporary folder: empty when it has cleaned up. */
  readonly temporary: string;
  /** The processes that it started and that still run, itself not among them. */
  descendants(): { pid: number; command: string }[];
};

/** Starts `sluice …`. A run has one worker where the test does not say: each takes a second to start here. */
export function startSluice(args: string[], options: ProgramOptions = {}): SluiceProgram {
  const temporary = temporaryFolder('sluice');
  const mark = `RUN_OF=${randomUUID()}`;
  const env = { SLUICE_REDIS_URL: undefined, ...options.env, TMPDIR: temporary, RUN_OF: mark.slice(7) };
  const isPlainRun = args[0] === 'run' && !args.includes('--workers');
  const all = isPlainRun ? ['run', '--workers', '1', ...args.slice(1)] : args;
  const program = startProgram('packages/cli/src/main.ts', all, { patience: 60_000, ...options, env });
  return Object.assign(program, { temporary, descendants: () => processesWith(mark, program.pid) });
}

/** Runs `sluice …` to its end. */
export async function sluice(args: string[], options: ProgramOptions = {}): Promise<Exit> {
  await using program = startSluice(args, options);
  return await program.exit();
}

/** A file with these lines. */
export function listFile(lines: readonly (string | object)[]): string {
  const file = join(temporaryFolder('list'), 'list.txt');
  writeFileSync(
    file,
    lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''),
  );
  return file;
}

/** Result lines, in the order of the input. */
export function resultsOf(text: string): ResultLine[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as ResultLine).sort((a, b) => a.index - b.index);
}

/** The keys of a Redis that begin with this prefix. */
export async function keysWith(url: string, prefix: string): Promise<string[]> {
  const client = new Redis(url);
  try {
    return await client.keys(`${prefix}*`);
  } finally {
    client.disconnect();
  }
}

function processesWith(mark: string, except: number): { pid: number; command: string }[] {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === except) return [];
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark)) return [];
      return [{ pid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }];
    } catch {
      // Gone meanwhile.
      return [];
    }
  });
}
