import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Program, startCommand } from '../lab/processes.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { type Block, blocksOf, readPage } from '../docs/pages.ts';

export type Reader = {
  /** The empty folder in which the reader begins. */
  folder: string;
  /** Added to the environment of the shells. */
  env: Record<string, string>;
  /** What is other here than on the page: ports, and where packages come from. */
  instead: readonly (readonly [onPage: string, here: string])[];
  /** Typed before each block. */
  prelude?: string;
};

/** How long one block may take, ms. */
const patience = 240_000;

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Whether a command printed what the page shows. `…` stands for anything within a line, a line of it for any lines. */
export function matches(shown: string, printed: string): boolean {
  const pattern = shown
    .trimEnd()
    .split('\n')
    .map((line) =>
      line.trim() === '…' ? '(?:.*\n)*?' : `${escaped(line.trimEnd()).replaceAll('…', '.*')} *\n`,
    )
    .join('');
  return new RegExp(`^${pattern}$`).test(`${printed.trimEnd()}\n`);
}

/**
 * Does what a page says, as a person would: types its commands in one terminal, in others where it says so, saves its
 * files, and compares what is printed.
 * @throws Error with the page and line of what does not work
 */
export async function follow(page: string, reader: Reader): Promise<number> {
  const blocks = blocksOf(page, readPage(page));
  await using terminals = new AsyncDisposableStack();
  const memory = temporaryFolder('terminal');
  writeFileSync(join(memory, 'state'), '');
  let printed = '';
  let done = 0;
  const here = (text: string) => reader.instead.reduce((all, [from, to]) => all.replaceAll(from, to), text);
  const folder = () =>
    /^declare -x PWD="(.*)"$/m.exec(readFileSync(join(memory, 'state'), 'utf8'))?.[1] ?? reader.folder;

  for (const block of blocks) {
    const { language, note = '' } = block;
    if (note.startsWith('not run:')) continue;
    const where = `${page}:${block.line}`;
    if (language === 'sh' && note.startsWith('terminal:')) {
      const [, until = ''] = /until: (.*)$/.exec(note) ?? [];
      const program = terminals.use(open(block, folder()));
      await program.line(until).catch((error: Error) => fail(where, error.message));
    } else if (language === 'sh') {
      printed = await type(block, where);
    } else if (note.startsWith('file: ')) {
      writeFileSync(join(folder(), note.slice('file: '.length)), here(block.text));
    } else if (note === 'prints') {
      const shown = here(block.text);
      if (!matches(shown, printed)) fail(where, `the page shows\n${shown}\nand this was printed\n${printed}`);
    } else continue;
    done += 1;
  }
  return done;

  function open(block: Block, cwd: string): Program {
    return startCommand('bash', ['-c', `${reader.prelude ?? ''}\nset -e\n${here(block.text)}`], {
      cwd,
      env: reader.env,
      patience,
    });
  }

  /** In the first terminal, which keeps its folder and its variables from block to block. */
  async function type(block: Block, where: string): Promise<string> {
    const state = join(memory, 'state');
    const script = `source ${state} 2> /dev/null; cd "$PWD"
${reader.prelude ?? ''}
trap 'export -p > ${state}' EXIT
set -e -o pipefail
${here(block.text)}`;
    await using program = startCommand('bash', ['-c', script], {
      cwd: reader.folder,
      env: reader.env,
      patience,
    });
    const { code, stdout, stderr } = await program.exit();
    if (code !== 0) fail(where, `exit code ${code} of\n${here(block.text)}\n${stdout}${stderr}`);
    return stdout;
  }
}

function fail(where: string, message: string): never {
  throw new Error(`${where}: ${message}`);
}
