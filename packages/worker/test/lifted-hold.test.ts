import { expect, test } from 'vitest';
import { encodeMessage } from '@sluice/shared';
import { Rig } from './rig.ts';

test('a job that a lifted hold set free is sent, though its worker has not heard of the lifting', async () => {
  await using rig = await Rig.open({ policy: { rate: '100/1s' } });
  await rig.end('/item/1');
  // As if the message that the hold was lifted were still on its way.
  const hold = { type: 'hold', queue: rig.queue, origin: rig.upstream.url, ms: 600_000 } as const;
  expect(await rig.redis.publish(rig.keys.events, encodeMessage(hold))).toBeGreaterThan(0);
  for (let n = 2; n <= 20; n++) {
    expect((await rig.end(`/item/${n}`)).outcome).toMatchObject({ kind: 'response', attempts: 1 });
  }
});
