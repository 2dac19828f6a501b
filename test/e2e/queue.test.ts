import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { worstWindow } from '../lab/measure/window.ts';
import { spawnUpstream } from '../lab/upstream/spawn.ts';
import type { Upstream } from '../lab/upstream/server.ts';
import { type Fleet, drained, openFleet, until } from './fleet.ts';

/**
 * After it nothing is sent by what held before, ms: a permit is granted at most a second ahead. How soon a change is
 * obeyed besides is a figure of `npm run bench -- delays`.
 */
const oldPermitsMs = 2000;

let upstream: Upstream;
beforeAll(async () => {
  upstream = await spawnUpstream();
});
afterAll(() => upstream.close());
beforeEach(() => upstream.reset());

const allow = ['--allow-net', '127.0.0.0/8'];
const times = async () => (await upstream.arrivals()).map(({ t }) => t);
const arrived = async () => (await upstream.arrivals()).length;
const after = async (t: number) => (await times()).filter((at) => at > t);

async function enqueue(fleet: Fleet, count: number): Promise<void> {
  const specs = Array.from({ length: count }, (_, n) => `${upstream.url}/item/${n}`);
  await drained(fleet.client.enqueueMany(specs, { queue: 'api' }));
}

test('1/1h -> 100/s does not wait for the hour', async () => {
  await using fleet = await openFleet(2);
  await fleet.ok(['queue', 'set', 'api', '--rate', '1/1h', ...allow]);
  await enqueue(fleet, 150);
  await until(async () => (await arrived()) === 1);
  expect(await fleet.ok(['queue', 'list'])).toMatch(/^api +1\/1h +closed 59m \d+s +149/m);

  expect(await fleet.ok(['queue', 'set', 'api', '--rate', '100/s'])).toBe(
    'api: changed\n  rate: 1/1h -> 100/s\n',
  );
  await until(async () => (await arrived()) === 150);
  expect(worstWindow(await times(), 1000).count).toBeLessThanOrEqual(100);
});

test('workers obey a lowered and a raised rate without a restart', async () => {
  await using fleet = await openFleet(2);
  await fleet.ok(['queue', 'set', 'api', '--rate', '50/s', ...allow]);
  await enqueue(fleet, 800);
  await until(async () => (await arrived()) >= 50);

  await fleet.ok(['queue', 'set', 'api', '--rate', '10/s']);
  const lowered = performance.now() + oldPermitsMs;
  await until(async () => (await after(lowered)).length >= 15);
  expect(worstWindow(await after(lowered), 1000).count).toBeLessThanOrEqual(10);

  // A busy machine delivers late: by less than this.
  await fleet.ok(['queue', 'set', 'api', '--rate', '200/s', '--slack', '200ms']);
  const raised = performance.now();
  // More than the rate before would let through.
  await until(async () => worstWindow(await after(raised), 1000).count > 11);
  await until(async () => (await arrived()) === 800);
  expect(worstWindow(await after(raised), 1000).count).toBeLessThanOrEqual(200);
  expect(fleet.workers.map(({ pid }) => process.kill(pid, 0))).toEqual([true, true]);
});

test('a paused queue sends nothing until it is resumed', async () => {
  await using fleet = await openFleet(2);
  await fleet.ok(['queue', 'set', 'api', '--rate', '50/s', ...allow]);
  await enqueue(fleet, 300);
  await until(async () => (await arrived()) >= 20);

  expect(await fleet.ok(['queue', 'pause', 'api'])).toMatch(/^api: paused/);
  // What was taken before has ended.
  await until(async () => (await fleet.client.queues.show('api')).counts.active === 0);
  const paused = performance.now();
  await until(() => performance.now() > paused + 500);
  expect(await after(paused)).toEqual([]);
  expect(await fleet.ok(['queue', 'show', 'api'])).toMatch(/^state +paused$/m);

  expect(await fleet.ok(['queue', 'resume', 'api'])).toBe('api: resumed\n');
  const resumed = performance.now();
  await until(async () => (await after(resumed)).length >= 20);
});

test.each(['single-origin', 'mixed'] as const)('a hold of a %s queue is seen and lifted', async (kind) => {
  await using fleet = await openFleet(2);
  const origin = kind === 'mixed' ? [] : ['--origin', upstream.url];
  await fleet.ok(['queue', 'set', 'api', '--rate', '100/s', ...allow, ...origin]);
  const refused = `${upstream.url}/status/429?retryAfter=600&times=1&case=${randomUUID()}`;
  await fleet.client.enqueue(refused, { queue: 'api' });
  await until(async () => (await fleet.client.queues.show('api')).holds.length === 1);
  await enqueue(fleet, 20);
  // In a mixed queue the jobs are taken, meet the hold, and are put off.
  if (kind === 'mixed') {
    await until(async () => (await fleet.client.queues.show('api')).counts.delayed === 21);
  }
  const shown = await fleet.ok(['queue', 'show', 'api']);
  expect(shown).toMatch(new RegExp(`^holds +${upstream.url} until \\S+Z \\(in (?:10|9) min\\)$`, 'm'));
  expect(shown).toMatch(kind === 'mixed' ? /^state +open, 1 held$/m : /^state +held 9m \d+s$/m);
  expect(shown).toMatch(/^requests +1 sent, 1 rejected/m);
  expect(await arrived()).toBe(1);

  expect(await fleet.ok(['queue', 'release', 'api', 'https://elsewhere.test'])).toBe(
    `api: https://elsewhere.test is not held (${upstream.url})\n`,
  );
  expect(await arrived()).toBe(1);
  expect(await fleet.ok(['queue', 'release', 'api', `${upstream.url}/`])).toBe('api: 1 hold lifted\n');
  // Long before the hold would have ended.
  await until(async () => (await arrived()) === 22);
  expect(await fleet.ok(['queue', 'release', 'api'])).toBe('api: nothing is held\n');
});

test('a file is applied as a whole or not at all; applied twice it changes nothing', async () => {
  await using fleet = await openFleet(0);
  const good = 'queues:\n  api: { rate: 5/s, timeout: 5s }\n  other: { rate: 1/1m }\n';
  const bad = `${good}  third: { rate: fast }\n`;
  const refused = await fleet.cli(['queue', 'apply', '-'], bad);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/^sluice: standard input:4: queues\.third\.rate: "fast" is not a rate/);
  expect(await fleet.client.queues.list()).toEqual([]);

  expect(await fleet.ok(['queue', 'apply', '-', '--dry-run'], good)).toMatch(
    /2 created.*nothing was written/,
  );
  expect(await fleet.client.queues.list()).toEqual([]);
  expect(await fleet.ok(['queue', 'apply', '-'], good)).toBe(
    'api: created (5/s)\nother: created (1/1m)\n2 created, 0 changed, 0 same\n',
  );
  const before = await fleet.redis.hgetall(fleet.keys.queues);
  expect(await fleet.ok(['queue', 'apply', '-'], good)).toBe(
    'api: same\nother: same\n0 created, 0 changed, 2 same\n',
  );
  expect(await fleet.redis.hgetall(fleet.keys.queues)).toEqual(before);

  const changed = 'queues: { api: { rate: 9/s } }';
  expect(await fleet.ok(['queue', 'apply', '-'], changed)).toBe(
    [
      'api: changed',
      '  rate: 5/s -> 9/s',
      '  timeout: 5s -> 30s',
      '0 created, 1 changed, 0 same',
      'not in the file, left as they are: other',
      '',
    ].join('\n'),
  );
});

test('two operators at once: neither change is lost', async () => {
  await using fleet = await openFleet(0);
  await fleet.ok(['queue', 'set', 'api', '--rate', '5/s']);
  const values = Array.from({ length: 10 }, (_, n) => n + 1);
  await Promise.all([
    ...values.map((n) => fleet.client.policies.update('api', (was) => ({ ...was, timeout: 1000 * n }))),
    fleet.ok(['queue', 'set', 'api', '--attempts', '3']),
    fleet.ok(['queue', 'set', 'api', '--max-body', '1KiB']),
  ]);
  expect(await fleet.client.policies.read('api')).toMatchObject({ retry: { attempts: 3 }, maxBody: 1024 });
});

test('a queue is removed only with --yes; for an unknown one, the error lists the queues that exist', async () => {
  await using fleet = await openFleet(0);
  for (const name of ['api', 'other']) await fleet.ok(['queue', 'set', name]);
  await enqueue(fleet, 3);
  const asked = await fleet.cli(['queue', 'remove', 'api']);
  expect(asked.code).toBe(1);
  expect(asked.stderr).toContain('removes queue "api" with its policy and 3 waiting, 0 active');
  expect(await fleet.ok(['queue', 'remove', 'api', '--yes'])).toMatch(/^api: removed, with 3 waiting/);
  expect(await fleet.redis.keys(`${fleet.prefix}:api:*`)).toEqual([]);
  const verbs = ['show', 'pause', 'resume', 'release', 'remove'];
  const exits = await Promise.all(verbs.map((verb) => fleet.cli(['queue', verb, 'api'])));
  expect(exits.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(
    verbs.map(() => '1 sluice: there is no queue "api" here; the queues are: other\n'),
  );
});
