import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { workspace } from '../lab/processes.ts';
import { installedServer, startOwnRedis } from '../lab/redis.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { follow, matches } from '../newcomer/follow.ts';
import { placesHere, workspaceReader } from '../newcomer/workspace-reader.ts';

const isUsable = installedServer() !== undefined;

test.skipIf(!isUsable).each([
  ['getting-started.md', 12],
  ['choosing-a-rate.md', 5],
])(
  'the commands and programs of docs/%s work as written',
  async (page, blocks) => {
    await using redis = await startOwnRedis();
    expect(await follow(`docs/${page}`, await workspaceReader(redis.url))).toBeGreaterThan(blocks);
  },
  180_000,
);

test.skipIf(!isUsable)(
  'the commands of docs/from-asyncio.md work as written, in a checkout',
  async () => {
    await using redis = await startOwnRedis();
    const reader = { folder: workspace, env: {}, instead: await placesHere(redis.url) };
    expect(await follow('docs/from-asyncio.md', reader)).toBe(4);
  },
  180_000,
);

test('what a page shows is compared with what was printed', () => {
  expect(matches('a …\n…\nz\n', 'a b\nc\nd\nz\n')).toBe(true);
  expect(matches('a …\n…\nz\n', 'a b\nz\n')).toBe(true);
  expect(matches('a.c\n', 'abc\n')).toBe(false);
  expect(matches('30 of 30\n', '29 of 30\n')).toBe(false);
});

test.each([
  ['a command that fails', '```sh\necho one\nfalse\n```\n', /page.md:1: exit code 1 of/],
  ['a command that is not there', '```sh\nno-such-command | cat\n```\n', /page.md:1: exit code 127/],
  ['other output', '```sh\necho one\n```\n\n<!-- prints -->\n\n```text\ntwo\n```\n', /the page shows\s+two/],
  ['a terminal that ends', '<!-- terminal: x, until: ready -->\n\n```sh\necho no\n```\n', /page.md:1: /],
])('a page with %s is found out', async (_, text, message) => {
  const folder = temporaryFolder('page');
  const page = join(folder, 'page.md');
  writeFileSync(page, text);
  await expect(follow(page, { folder, env: {}, instead: [] })).rejects.toThrow(message);
});

test('a page keeps its folder and its variables from block to block', async () => {
  const folder = temporaryFolder('page');
  const page = join(folder, 'page.md');
  const blocks = ['mkdir -p inner && cd inner\nexport WORD=kept', 'echo "$WORD" && basename "$PWD"'];
  const shown = '<!-- prints -->\n\n```text\nkept\ninner\n```\n';
  writeFileSync(page, `${blocks.map((block) => `\`\`\`sh\n${block}\n\`\`\`\n\n`).join('')}${shown}`);
  expect(await follow(page, { folder, env: {}, instead: [] })).toBe(3);
});
