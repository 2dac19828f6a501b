import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand, workspace } from '../lab/processes.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { type Block, blocksOf, pages, readPage } from './pages.ts';

const blocks = pages.flatMap((page) => blocksOf(page, readPage(page)));
const flat = (text: string) => text.replaceAll(/\s+/g, ' ').trim();

/** The programs of docs/from-asyncio.md: its blocks are parts of them, which another test holds. */
const examples = globSync('examples/asyncio/*.ts', { cwd: workspace }).map((file) =>
  flat(readFileSync(join(workspace, file), 'utf8')),
);
const isOfExample = ({ page, text }: Block) =>
  page === 'docs/from-asyncio.md' && examples.some((source) => source.includes(flat(text)));

/** Where the imports of a page lead, without a build. */
const sources = (name: string) => [join(workspace, 'packages', name)];
const paths = {
  sluice: sources('sluice/src/index.ts'),
  'sluice/worker': sources('sluice/src/worker.ts'),
  '@sluice/*': sources('*/src/index.ts'),
  zod: sources('shared/node_modules/zod'),
};

test('every block of TypeScript passes the type check', async () => {
  const typed = blocks.filter((block) => block.language === 'ts' && !isOfExample(block));
  expect(typed.length).toBeGreaterThan(15);
  const folder = temporaryFolder('docs');
  mkdirSync(join(folder, 'blocks'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const { page, line, text } of typed) {
    // The fence is one line above the code, so lines of the report are those after it.
    writeFileSync(join(folder, 'blocks', `${page.replaceAll('/', '-')}-${line}.ts`), `${text}export {};\n`);
  }
  const config = {
    extends: join(workspace, 'tsconfig.base.json'),
    compilerOptions: {
      composite: false,
      declaration: false,
      noEmit: true,
      skipLibCheck: true,
      customConditions: ['sluice-source'],
      paths,
      typeRoots: [join(workspace, 'node_modules/@types')],
      types: ['node'],
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: ['blocks', join(workspace, 'test/docs/ambient.d.ts')],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(workspace, 'node_modules/.bin/tsc');
  const { code, stdout } = await runCommand(tsc, ['-p', folder], { patience: 240_000 });
  expect(stdout).toBe('');
  expect(code).toBe(0);
}, 250_000);

/** The pages whose commands a test types one by one. */
const followed = ['docs/getting-started.md', 'docs/choosing-a-rate.md', 'docs/from-asyncio.md'];

test('every block of commands is followed by a test, or says why not', () => {
  const unexplained = blocks.filter(({ language, note = '', page }) => {
    if (!['sh', 'bash', 'shell', 'console'].includes(language)) return false;
    return !followed.includes(page) && !/^not run: \S.{8,}/.test(note);
  });
  expect(unexplained.map(({ page, line }) => `${page}:${line}`)).toEqual([]);
});

test('every block has a language', () => {
  const without = blocks.filter(({ language }) => language === '').map(({ page, line }) => `${page}:${line}`);
  expect(without).toEqual([]);
});
