import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installedServer, startOwnRedis } from '../lab/redis.ts';
import { runProgram, startProgram, workspace } from '../lab/processes.ts';
import { spawnUpstream } from '../lab/upstream/spawn.ts';
import type { Upstream } from '../lab/upstream/server.ts';

const folder = join('examples', 'asyncio');
const read = (...path: string[]) => readFileSync(join(workspace, ...path), 'utf8');
const programs = readdirSync(join(workspace, folder)).filter(
  (name) => name.endsWith('.ts') && name !== 'setting.ts',
);

/** The lines of the comment at the end of an example. */
function outputOf(source: string): string {
  const [, comment] = /^\/\/ Output:\n((?:\/\/ .*\n)+)$/m.exec(source) ?? [];
  if (comment === undefined) throw new Error('an example ends with the comment "// Output:" and its lines');
  return comment.replaceAll(/^\/\/ /gm, '');
}

const lines = (text: string) => text.split('\n').map((line) => line.trim());

let redisUrl: string;
let upstream: Upstream;
const stack = new AsyncDisposableStack();

const isUsable = installedServer() !== undefined;
beforeAll(async () => {
  if (!isUsable) return;
  redisUrl = stack.use(await startOwnRedis()).url;
  upstream = stack.use(await spawnUpstream());
  for (let worker = 0; worker < 2; worker++) {
    const program = startProgram('packages/worker/src/main.ts', [], {
      ipc: true,
      env: {
        SLUICE_REDIS_URL: redisUrl,
        SLUICE_HEALTH_PORT: '0',
        SLUICE_LOG_LEVEL: 'warn',
        SLUICE_TRANSFORMS: 'total=examples/asyncio/transforms/total.ts',
      },
    });
    await stack.use(program).message((message): message is object => typeof message === 'object');
  }
});
afterAll(() => stack.disposeAsync());

test.skipIf(!isUsable).each(programs)(
  'examples/asyncio/%s prints what its last comment says',
  async (name) => {
    const env = { SLUICE_REDIS_URL: redisUrl, NODE_ENV: undefined, NO_COLOR: '1' };
    const { code, stdout, stderr } = await runProgram(join(folder, name), [upstream.url], { env });
    expect(stderr).toBe('');
    expect(stdout).toBe(outputOf(read(folder, name)));
    expect(code).toBe(0);
  },
);

test('every example is on the page for asyncio users, with the TypeScript of the example', () => {
  const page = read('docs', 'from-asyncio.md');
  const sections = page.split(/^## /m).slice(1);
  const shown = sections.flatMap((section) => {
    const name = /\]\(\.\.\/examples\/asyncio\/([a-z0-9-]+\.ts)\)/.exec(section)?.[1];
    if (name === undefined) return [];
    const source = lines(read(folder, name)).join('\n');
    const blocks = [...section.matchAll(/^```ts\n(.*?)^```/gms)].map(([, block = '']) => block);
    expect(blocks.length, `a block of TypeScript for ${name}`).toBeGreaterThan(0);
    for (const block of blocks) expect(source).toContain(lines(block).join('\n').trim());
    expect(section, `the line of Python for ${name}`).toContain('```python\n');
    return [name];
  });
  expect(shown.sort()).toEqual([...programs].sort());
});
