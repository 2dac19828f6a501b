import { expect, test } from 'vitest';
import { workspace } from '../lab/processes.ts';
import { installedServer, startOwnRedis } from '../lab/redis.ts';
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
