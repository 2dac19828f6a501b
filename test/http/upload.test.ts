import { expect, test } from 'vitest';
import { served } from '../e2e/gateway.ts';
import { imageFlags, upload } from '../e2e/gateway-upload.ts';
import { startOwnRedis } from '../lab/own-redis.ts';

const count = 100_000;

test('100,000 lines in one upload: all are added', async () => {
  await using redis = await startOwnRedis();
  await using scene = await served(redis.url, 0, { NODE_OPTIONS: imageFlags });
  const lines = function* () {
    for (let n = 0; n < count; n += 1) {
      yield JSON.stringify({ url: `https://example.com/items/${n}`, headers: { 'x-a': 'abc' } });
    }
  };
  const { answer, riseMb } = await upload(scene, 'jobs/batch?batch=big', lines());
  // A figure, no promise: most of it is garbage. That lines are not held is shown by a capped heap (test/e2e/gateway.test.ts).
  console.info(`100,000 lines: the memory of the gateway rose by ${Math.round(riseMb)} MB`);
  expect(answer).toMatchObject({ added: count, existed: 0, faulty: 0, sealed: true });
  expect(await scene.client.batch('big').progress()).toMatchObject({ total: count, sealed: true });
  expect((await scene.client.queues.show('api')).counts.waiting).toBe(count);
}, 300_000);
