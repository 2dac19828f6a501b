import { expect, test } from 'vitest';
import { encodeMessage } from '@sluice/shared';
import { Rig, until } from './rig.ts';

test('a job that a lifted hold set free is sent, even if its worker has not heard that it was lifted', async () => {
  await using rig = await Rig.open({ policy: { rate: '100/1s' } });
  await rig.end('/item/1');
  // As if the message that the hold was lifted were still on its way.
  const hold = { type: 'hold', queue: rig.queue, origin: rig.upstream.url, ms: 600_000 } as const;
  expect(await rig.redis.publish(rig.keys.events, encodeMessage(hold))).toBeGreaterThan(0);
  for (let n = 2; n <= 20; n++) {
    expect((await rig.end(`/item/${n}`)).outcome).toMatchObject({ kind: 'response', attempts: 1 });
  }
});

test('no job stays behind when a hold is lifted while jobs are being put off because of it', async () => {
  await using rig = await Rig.open({ policy: { rate: null } });
  const { origin } = new URL(rig.upstream.url);
  for (let round = 0; round < 20; round++) {
    const refused = rig.end(`/status/429?retryAfter=600&times=1&case=${round}`);
    await until(async () => (await rig.redis.zcard(rig.keys.holds(rig.queue))) === 1);
    const ends = Array.from({ length: 60 }, (_, n) => rig.end(`/item/${n}`));
    // At another moment of their being put off each time.
    await until(async () => (await rig.bull.getDelayedCount()) > 1);
    for (let turns = 0; turns < round; turns++) await rig.redis.ping();
    expect(await rig.sluice.queues.release(rig.queue, origin)).toBe(1);
    // Ten minutes before the end of the hold.
    for (const { outcome } of await Promise.all([refused, ...ends])) expect(outcome.kind).toBe('response');
  }
});
