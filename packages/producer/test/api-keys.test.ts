import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type ApiKey, type Grant, connect } from '../src/index.ts';
import { Rig } from '../../worker/test/rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open({ idle: true });
});
afterAll(async () => await rig[Symbol.asyncDispose]());

const forbidden = { code: 'SLUICE_FORBIDDEN' };
const invalid = { code: 'SLUICE_UNAUTHENTICATED' };

async function keyWith(...grants: Grant[]): Promise<{ key: ApiKey; token: string }> {
  return await rig.sluice.keys.create({ name: 'test', grants });
}

test('a token opens its key, and no other text does', async () => {
  const { key, token } = await keyWith({ queues: ['*'], scopes: ['read'] });
  expect(await rig.sluice.keys.verify(token)).toEqual(key);
  const other = await keyWith({ queues: ['*'], scopes: ['read'] });
  const secretOf = (one: string) => one.slice(one.length - 43);
  const last = token.at(-1) === 'A' ? 'E' : 'A';
  for (const wrong of [
    '',
    'sluice',
    key.id,
    `${token} `,
    token.slice(0, -1),
    token.slice(0, -1) + last,
    token.slice(0, -43) + secretOf(other.token),
    token.toUpperCase(),
    `sluice_${'0'.repeat(16)}_${secretOf(token)}`,
    // The hash itself opens nothing.
    `sluice_${key.id}_${JSON.parse((await rig.redis.hget(rig.keys.apiKeys, key.id))!).sha256.slice(0, 43)}`,
  ]) {
    await expect(rig.sluice.keys.verify(wrong), wrong).rejects.toMatchObject(invalid);
  }
});

test('a key that has expired opens nothing, and takes no place from new ones', async () => {
  const { key, token } = await rig.sluice.keys.create({
    name: 'brief',
    grants: [{ queues: ['q'], scopes: ['read'] }],
    expiresIn: '1h',
  });
  expect(key.expiresAt! - key.createdAt).toBe(3_600_000);
  expect(await rig.sluice.keys.verify(token)).toEqual(key);
  const stored = JSON.parse((await rig.redis.hget(rig.keys.apiKeys, key.id))!);
  await rig.redis.hset(rig.keys.apiKeys, key.id, JSON.stringify({ ...stored, expiresAt: Date.now() - 1 }));
  await expect(rig.sluice.keys.verify(token)).rejects.toMatchObject(invalid);
  await keyWith({ queues: ['q'], scopes: ['read'] });
  expect(await rig.sluice.keys.get(key.id)).toBeNull();
});

test('nobody grants, rotates or revokes what he lacks, in any spelling of the queues', async () => {
  const { key: admin } = await keyWith(
    { queues: ['team-*'], scopes: ['keys', 'read', 'enqueue'] },
    { queues: ['shared'], scopes: ['keys', 'read'] },
  );
  const grant = async (queues: string[], scopes: Grant['scopes']) =>
    await rig.sluice.as('key:x').keys.create({ name: 'n', grants: [{ queues, scopes }] }, { as: admin });
  await grant(['team-a'], ['read']);
  await grant(['team-b*', 'shared'], ['read', 'keys']);
  await grant(['team-*'], ['enqueue']);
  for (const [queues, scopes] of [
    [['*'], ['read']],
    [['team'], ['read']],
    [['team*'], ['read']],
    [['tea*'], ['read']],
    [['shared'], ['enqueue']],
    [['shared*'], ['read']],
    [['team-a', 'other'], ['read']],
    [['team-a'], ['read', 'policy']],
    [['*'], ['metrics']],
  ] as [string[], Grant['scopes']][]) {
    await expect(grant(queues, scopes), `${queues.join()}=${scopes.join()}`).rejects.toMatchObject(forbidden);
  }
  const { key: mighty } = await keyWith({ queues: ['*'], scopes: ['policy'] });
  await expect(rig.sluice.keys.rotate(mighty.id, { as: admin })).rejects.toMatchObject(forbidden);
  await expect(rig.sluice.keys.revoke(mighty.id, { as: admin })).rejects.toMatchObject(forbidden);
  const { key: reader } = await keyWith({ queues: ['team-a'], scopes: ['read'] });
  // Without the scope `keys` not even what one has oneself.
  const { key: plain } = await keyWith({ queues: ['team-a'], scopes: ['read'] });
  await expect(rig.sluice.keys.revoke(reader.id, { as: plain })).rejects.toMatchObject(forbidden);
  await rig.sluice.keys.revoke(reader.id, { as: admin });
  expect(await rig.sluice.keys.get(reader.id)).toBeNull();

  // He may have been let in a moment ago: what he has now counts.
  await rig.sluice.keys.revoke(admin.id);
  await expect(grant(['team-a'], ['read'])).rejects.toMatchObject(forbidden);
});

test('of many changes of one key at once each starts from the one before', async () => {
  const { key } = await keyWith({ queues: ['q'], scopes: ['read'] });
  const made = await Promise.all(
    Array.from({ length: 6 }, () => rig.sluice.keys.rotate(key.id, { grace: '1h' })),
  );
  const opened = await Promise.allSettled(made.map(({ token }) => rig.sluice.keys.verify(token)));
  // The last one, and the one before it.
  expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
});

test('a stored key that cannot be read lets nobody in', async () => {
  const { key, token } = await keyWith({ queues: ['q'], scopes: ['read'] });
  for (const stored of ['', '{', 'null', '{}', JSON.stringify({ ...key, sha256: 7 })]) {
    await rig.redis.hset(rig.keys.apiKeys, key.id, stored);
    await expect(rig.sluice.keys.verify(token)).rejects.toMatchObject(invalid);
  }
  await rig.sluice.keys.revoke(key.id);
});

test('there are 1000 keys at most', async () => {
  await using other = await Rig.open({ idle: true });
  const { key } = await other.sluice.keys.create({
    name: 'n',
    grants: [{ queues: ['q'], scopes: ['read'] }],
  });
  const stored = JSON.parse((await other.redis.hget(other.keys.apiKeys, key.id))!);
  const more = Array.from({ length: 999 }, (_, n) => [`k${n}`, JSON.stringify({ ...stored, id: `k${n}` })]);
  await other.redis.hset(other.keys.apiKeys, ...more.flat());
  await expect(
    other.sluice.keys.create({ name: 'n', grants: [{ queues: ['q'], scopes: ['read'] }] }),
  ).rejects.toMatchObject({ code: 'SLUICE_KEYS_FULL' });
});

test('a client says whose its changes are, and can make them in the name of others, with one line each', async () => {
  const lines: string[] = [];
  const logger = { info: (line: string) => void lines.push(line), warn: () => {} };
  await using sluice = await connect({
    redis: inject('redisUrl'),
    prefix: rig.prefix,
    actor: 'library:billing',
    logger,
  });
  await sluice.policies.set('logged', { rate: '1/1s' });
  await sluice.as('key:abc').queues.pause('logged');
  expect(lines).toEqual([
    'audit: policy.create queue "logged" by library:billing',
    'audit: queue.pause queue "logged" by key:abc',
  ]);
  const { items } = await sluice.audit.list({ queue: 'logged' });
  expect(items.map(({ actor, action }) => [actor, action])).toEqual([
    ['key:abc', 'queue.pause'],
    ['library:billing', 'policy.create'],
  ]);
  expect(() => sluice.as('two words')).toThrow(/actor: must be/);
});
