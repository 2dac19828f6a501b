import { expect, test } from 'vitest';
import { bindScript } from '@sluice/redis';
import { noteScript } from '@sluice/shared';
import { Rig } from '../../worker/test/rig.ts';

test('nobody pushes the entries of others out, however many he makes; values are cut off', async () => {
  await using rig = await Rig.open({ idle: true });
  const note = bindScript(rig.redis, rig.keys, noteScript);
  const entry = { action: 'queue.pause', queue: 'q', subject: '', before: '', after: '' };
  await note([], { ...entry, actor: 'quiet', after: JSON.stringify('x'.repeat(10_000)) });
  for (let n = 0; n < 1100; n += 100) {
    const some = Array.from({ length: 100 }, (_, at) =>
      note([], { ...entry, actor: 'loud', subject: `${n + at}` }),
    );
    await Promise.all(some);
  }
  const { audit } = rig.sluice;
  const all = [];
  let cursor: string | null | undefined;
  do {
    const page = await audit.list({ actor: 'loud', limit: 300, cursor });
    expect(page.examined).toBeLessThanOrEqual(1000);
    all.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== null);
  expect(all.map(({ subject }) => subject)).toEqual(Array.from({ length: 1000 }, (_, n) => `${1099 - n}`));
  expect(await rig.redis.llen(`${rig.keys.audit}/loud`)).toBe(1000);
  expect(await rig.redis.pttl(`${rig.keys.audit}/loud`)).toBeGreaterThan(0);
  const [quiet] = (await findAll(rig, 'quiet'))!;
  expect(String(quiet!.after)).toHaveLength(4096);
  await expect(audit.list({ cursor: 'x' })).rejects.toMatchObject({ code: 'SLUICE_INVALID_SPEC' });
});

/** A rare actor may lie behind more entries than one call looks at. */
async function findAll({ sluice }: Rig, actor: string) {
  let cursor: string | null | undefined;
  do {
    const page = await sluice.audit.list({ actor, cursor });
    if (page.items.length > 0) return page.items;
    cursor = page.cursor;
  } while (cursor !== null);
  return null;
}
