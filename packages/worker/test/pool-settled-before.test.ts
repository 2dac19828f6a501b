import { expect, test } from 'vitest';
import { bindScript } from '@sluice/redis';
import { type OutcomeKind, codeOfOutcome, settleCall, settleScript } from '@sluice/shared';
import { Rig, until } from './rig.ts';

/** A job whose outcome was committed by a run that died before it could tell BullMQ. */
async function settledBefore(rig: Rig, kind: Exclude<OutcomeKind, 'response'> | 'response'): Promise<void> {
  await rig.sluice.enqueue({ url: rig.url('/json'), id: 'a' }, { queue: rig.queue });
  const error = kind === 'response' ? undefined : { code: codeOfOutcome[kind], message: 'as it was' };
  const outcome = { kind, attempts: 3, endedAt: 1, durationMs: 1, ...(error && { error }) };
  const end = { outcome, body: new Uint8Array() };
  const { place, args } = settleCall({ queue: rig.queue, id: 'a', token: 'dead' }, null, end);
  await bindScript(rig.redis, rig.keys, settleScript)(place, args);
  await rig.startPool();
  await until(async () => (await rig.redis.llen(rig.keys.bull(rig.queue).wait)) === 0);
  await until(async () => (await rig.redis.llen(rig.keys.bull(rig.queue).active)) === 0);
}

test('a failure that its run could not report becomes a dead letter, without another request', async () => {
  await using rig = await Rig.open({ idle: true });
  await settledBefore(rig, 'http-error');
  expect(await rig.sluice.dead.get(rig.queue, 'a')).toMatchObject({
    failedReason: 'SLUICE_HTTP_ERROR: as it was',
    attempts: 3,
  });
  expect(await rig.seen()).toEqual([]);
});

test.each(['response', 'cancelled'] as const)('a job that ended before as %s is dropped', async (kind) => {
  await using rig = await Rig.open({ idle: true });
  await settledBefore(rig, kind);
  expect(await rig.redis.exists(rig.keys.bull(rig.queue).job('a'))).toBe(0);
  expect(await rig.seen()).toEqual([]);
});
