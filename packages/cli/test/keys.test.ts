import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { ApiKey } from '../../producer/src/index.ts';
import { Rig } from '../../worker/test/rig.ts';
import { type CommandOptions, escape, runHere } from './io.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open({ idle: true, policy: { rate: '1/1h' } });
});
afterAll(async () => await rig[Symbol.asyncDispose]());

const run = (args: string[], options: CommandOptions = {}) =>
  runHere(args, {
    ...options,
    env: { SLUICE_REDIS_URL: inject('redisUrl'), SLUICE_PREFIX: rig.prefix, ...options.env },
  });
const objects = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown> & { key: ApiKey; token: string });

describe('sluice key', () => {
  test('create prints the token alone on standard output, and nothing of it is kept', async () => {
    const { code, stdout, stderr } = await run(['key', 'create', 'billing', '--grant', 'q=enqueue,read']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^sluice_[0-9a-f]{16}_[\w-]{43}\n$/);
    const token = stdout.trim();
    const key = await rig.sluice.keys.verify(token);
    expect(key).toMatchObject({ name: 'billing', grants: [{ queues: ['q'], scopes: ['enqueue', 'read'] }] });
    expect(stderr).toContain(`key ${key.id} ("billing") created`);
    expect(stderr).not.toContain(token);
    // Neither in a key nor in a value of the whole prefix.
    const stored = await rig.redis.hget(rig.keys.apiKeys, key.id);
    const log = JSON.stringify(await rig.redis.xrange(rig.keys.audit, '-', '+'));
    const secret = token.split('_').slice(2).join('_');
    expect(`${stored}${log}`).not.toContain(secret);
    expect(log).not.toMatch(/[0-9a-f]{64}/);
  });

  test('list has a line for each, as text, on a terminal and as JSON', async () => {
    const piped = await run(['key', 'list']);
    expect(piped.stdout).toMatch(
      /^ID +NAME +GRANTS .*\n[0-9a-f]{16} +billing +q=enqueue,read +\S+.* never\n/,
    );
    expect(piped.stdout).not.toContain(escape);
    expect((await run(['key', 'list'], { columns: 80 })).stdout).toContain(`${escape}[1mID`);
    const [key] = objects((await run(['key', 'list', '--json'])).stdout);
    expect(Object.keys(key!).sort()).toEqual(
      ['createdAt', 'createdBy', 'expiresAt', 'grants', 'id', 'name', 'previousUntil', 'rotatedAt'].sort(),
    );
  });

  test('rotate gives a new token; the old one goes on for the grace, or not at all', async () => {
    const made = objects((await run(['key', 'create', 'ci', '--grant', '*=read', '--json'])).stdout)[0]!;
    const { id } = made.key;
    const first = (await run(['key', 'rotate', id])).stdout.trim();
    expect(await rig.sluice.keys.verify(first)).toMatchObject({ id });
    expect(await rig.sluice.keys.verify(made.token)).toMatchObject({ id });
    const second = objects((await run(['key', 'rotate', id, '--grace', '0s', '--json'])).stdout)[0]!;
    expect(await rig.sluice.keys.verify(second.token)).toMatchObject({ id });
    await expect(rig.sluice.keys.verify(first)).rejects.toMatchObject({ code: 'SLUICE_UNAUTHENTICATED' });
    await expect(rig.sluice.keys.verify(made.token)).rejects.toMatchObject({
      code: 'SLUICE_UNAUTHENTICATED',
    });

    const revoked = await run(['key', 'revoke', id, 'nobody', '--json']);
    expect(revoked.code).toBe(2);
    expect(objects(revoked.stdout)).toEqual([
      { id, revoked: true },
      { id: 'nobody', revoked: false },
    ]);
    await expect(rig.sluice.keys.verify(second.token)).rejects.toMatchObject({
      code: 'SLUICE_UNAUTHENTICATED',
    });
  });

  test.each([
    [['create', 'x'], /required option '--grant/],
    [['create', 'x', '--grant', 'q'], /--grant: "q" is not QUEUES=SCOPES/],
    [['create', 'x', '--grant', 'q=reed'], /--grant: "reed" is not a scope; the scopes are enqueue, read/],
    [['create', 'x', '--grant', 'a b=read'], /grants\[0\]\.queues\[0\]: must be the name of a queue/],
    [['create', 'x', '--grant', 'q=metrics'], /metrics are those of the whole fleet/],
    [['create', 'x', '--grant', 'q=read', '--expires', 'soon'], /expiresIn: "soon" is not a duration/],
    [['rotate', 'nobody'], /there is no API key "nobody"/],
    [['rotate', 'nobody', '--grace', 'long'], /--grace: "long" is not a duration/],
  ])('bad input %j gives a sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await run(['key', ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(sentence);
  });
});

describe('sluice audit', () => {
  test('tells who did what with which commands, and what was before and after it', async () => {
    const env = { SLUICE_ACTOR: 'cli:ann@laptop' };
    await run(['queue', 'set', 'audited', '--rate', '100/60s'], { env });
    await run(['queue', 'set', 'audited', '--rate', '50/60s'], { env });
    await run(['queue', 'set', 'audited', '--rate', '50/60s'], { env });
    await run(['queue', 'pause', 'audited'], { env });
    await run(['queue', 'pause', 'audited'], { env });
    await run(['queue', 'resume', 'audited'], { env });
    const url = 'https://a.test/x?key=secret';
    await run(['schedule', 'set', 'audited', 'often', url, '--every', '1h'], { env });
    await run(['schedule', 'remove', 'audited', 'often'], { env });
    await run(['queue', 'release', 'audited'], { env });
    await run(['dead', 'redrive', 'audited', '--all'], { env });
    await run(['dead', 'purge', 'audited', '--yes'], { env });
    await run(['queue', 'remove', 'audited', '--yes'], { env });
    const { stdout } = await run(['audit', '--actor', 'cli:ann@laptop', '--json']);
    const entries = objects(stdout).toReversed();
    expect(entries.map(({ action }) => action)).toEqual([
      'policy.create',
      'policy.change',
      'queue.pause',
      'queue.resume',
      'schedule.set',
      'schedule.remove',
      'queue.release',
      'dead.redrive',
      'dead.purge',
      'queue.remove',
    ]);
    expect(entries.every(({ queue }) => queue === 'audited')).toBe(true);
    expect(entries[0]).toMatchObject({ before: null, after: { rate: { limit: 100 } } });
    expect(entries[1]).toMatchObject({ before: { rate: { limit: 100 } }, after: { rate: { limit: 50 } } });
    expect(entries[2]).toMatchObject({ before: { paused: false }, after: { paused: true } });
    expect(entries[4]).toMatchObject({ subject: 'often', before: null, after: { every: 3_600_000 } });
    expect(entries[9]).toMatchObject({ before: { rate: { limit: 50 } }, after: null });
    expect(stdout).not.toContain('secret');

    const text = await run(['audit', '--queue', 'audited']);
    expect(text.stdout).toMatch(/ cli:ann@laptop +policy\.change +audited +rate\.limit: 100 -> 50/);
    expect(text.stdout).not.toContain(escape);
    expect((await run(['audit'], { columns: 80 })).stdout).toContain(`${escape}[1mTIME`);
    const limited = await run(['audit', '--queue', 'audited', '--limit', '2', '--json']);
    expect(objects(limited.stdout).map(({ action }) => action)).toEqual(['queue.remove', 'dead.purge']);
  });

  test('without SLUICE_ACTOR it is the account and the machine', async () => {
    await run(['queue', 'set', 'mine', '--rate', '1/1s']);
    const [entry] = objects((await run(['audit', '--queue', 'mine', '--json'])).stdout);
    expect(entry!['actor']).toMatch(/^cli:[\w.+-]+@[\w.:-]+$/);
    const bad = await run(['queue', 'list'], { env: { SLUICE_ACTOR: 'two words' } });
    expect(bad).toMatchObject({ code: 1, stdout: '' });
    expect(bad.stderr).toMatch(/actor: must be 1 to 100 letters/);
    expect((await run(['audit', '--limit', '0'])).stderr).toMatch(/--limit: "0" is not a whole number/);
  });
});
