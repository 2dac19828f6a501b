import { expect, test } from 'vitest';
import { installedServer, startOwnRedis } from '../lab/redis.ts';
import { packedFiles, pathWith } from '../release/consumer.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { follow } from './follow.ts';
import { placesHere } from './workspace-reader.ts';

const packed = await packedFiles();
if ('missing' in packed) console.warn(`SKIPPED: getting started from the packed packages: ${packed.missing}`);

test.skipIf('missing' in packed || installedServer() === undefined)(
  'getting started works as written, with packages that npm installs into an empty folder',
  async () => {
    const files = 'files' in packed ? packed.files : [];
    await using redis = await startOwnRedis();
    const blocks = await follow('docs/getting-started.md', {
      folder: temporaryFolder('first'),
      env: pathWith(process.execPath),
      instead: [
        ...(await placesHere(redis.url)),
        // They are in no registry yet.
        ['npm install sluice', `npm install --no-audit --no-fund ${files.join(' ')}`],
      ],
    });
    expect(blocks).toBeGreaterThan(12);
  },
  600_000,
);
