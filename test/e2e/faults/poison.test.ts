import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeadLetter } from '../../../packages/producer/src/index.ts';
import { spawnUpstream } from '../../lab/upstream/spawn.ts';
import type { Upstream } from '../../lab/upstream/server.ts';
import { type Fleet, openFleet, until } from '../fleet.ts';
import { envelopeFor, plant, put } from './plant.ts';

const env = { SLUICE_LOCK_DURATION: '5s', SLUICE_STALLED_INTERVAL: '1s' };
const policy = { egress: { allow: ['127.0.0.0/8'] }, retry: { attempts: 1 } };

let upstream: Upstream;
beforeAll(async () => {
  upstream = await spawnUpstream();
});
afterAll(() => upstream.close());

async function openPoisoned(workers: number): Promise<Fleet> {
  const fleet = await openFleet(workers, env);
  await fleet.client.policies.set('api', policy);
  return fleet;
}

const failed = async ({ redis, keys }: Fleet, id: string) =>
  (await redis.zscore(keys.bull('api').failed, id)) !== null;

/** Resolves when the job is among the failed ones. @returns BullMQ's reason */
async function quarantined(fleet: Fleet, id: string): Promise<string | null> {
  await until(() => failed(fleet, id));
  return await fleet.redis.hget(fleet.keys.bull('api').job(id), 'failedReason');
}

/** A job of the same queue is performed: the workers live and take what they are given. */
async function assertAlive(fleet: Fleet): Promise<void> {
  const response = await fleet.client.fetch(`${upstream.url}/json`, { queue: 'api' });
  expect(response.status).toBe(200);
}

/** Lines that the workers logged, that contain a text. */
const logged = ({ workers }: Fleet, text: string) =>
  workers.flatMap(({ stdout }) => stdout.split('\n')).filter((line) => line.includes(text));

const good = () => JSON.stringify(envelopeFor(`${upstream.url}/json`));
const changed = (change: Record<string, unknown>) =>
  JSON.stringify(envelopeFor(`${upstream.url}/json`, change));

/** What no worker can read, and what of the reason says why. */
const kinds: Record<string, [fields: () => Record<string, string>, because: string]> = {
  'data-no-json': [() => ({ data: '{"v":1,' }), 'it is not JSON'],
  'data-binary': [() => ({ data: '\u0000\ufffd\u001b[31m' }), 'it is not JSON'],
  'opts-no-json': [() => ({ data: good(), opts: '{oops' }), 'its opts are not JSON'],
  'opts-null': [() => ({ data: good(), opts: 'null' }), 'its opts are null'],
  'both-no-json': [() => ({ data: '{', opts: '{' }), 'it is not JSON'],
  'progress-no-json': [() => ({ data: good(), progress: '{' }), 'its progress are not JSON'],
  'data-null': [() => ({ data: 'null' }), 'must be an object'],
  'data-array': [() => ({ data: '[1]' }), 'must be an object'],
  'data-number': [() => ({ data: '7' }), 'must be an object'],
  'data-string': [() => ({ data: '"text"' }), 'must be an object'],
  'data-empty-object': [() => ({ data: '{}' }), 'v: '],
  'data-empty-text': [() => ({ data: '' }), 'v: '],
  'hash-without-data': [() => ({}), 'v: '],
  'version-0': [() => ({ data: changed({ v: 0 }) }), 'v: '],
  'version-text': [() => ({ data: changed({ v: '1' }) }), 'v: '],
  'version-missing': [() => ({ data: changed({ v: undefined }) }), 'v: '],
  'field-unknown': [() => ({ data: changed({ sometime: 1 }) }), 'sometime: unknown field'],
  'request-broken': [() => ({ data: changed({ req: { url: 7 } }) }), 'req.url'],
};

test('whatever cannot be read becomes a dead letter, and the other jobs are performed meanwhile', async () => {
  await using fleet = await openPoisoned(2);
  const names = Object.keys(kinds);
  const planted = names.map((name) => kinds[name]![0]());
  for (const [index, name] of names.entries()) await plant(fleet, 'api', name, planted[index]!);
  await put(fleet, 'api', 'hash-missing');

  const all = Promise.all([...names, 'hash-missing'].map((id) => quarantined(fleet, id)));
  for (let healthy = 0; healthy < 20; healthy++) await assertAlive(fleet);
  const reasons = await all;
  await assertAlive(fleet);

  for (const [index, name] of names.entries()) {
    const reason = reasons[index]!;
    expect(`${name}: ${reason}`).toContain(`${name}: SLUICE_POISON: the job cannot be read: `);
    expect(`${name}: ${reason}`).toContain(kinds[name]![1]);
    const kept = await fleet.redis.hgetall(fleet.keys.bull('api').job(name));
    expect(kept).toMatchObject(planted[index]!);
    expect(await fleet.client.job(name, { queue: 'api' }).status()).toBe('failed');
  }
  // Once for each, not once for each time that it was met.
  expect(logged(fleet, 'cannot be read').length).toBeLessThanOrEqual(names.length + 1);
  expect(logged(fleet, 'worker error').length).toBeLessThanOrEqual(2 * names.length);
  await until(async () => (await fleet.redis.llen(fleet.keys.bull('api').active)) === 0);
  for (const worker of fleet.workers) worker.signal('SIGTERM');
  for (const worker of fleet.workers) expect((await worker.exit()).code).toBe(0);
});

test('the stalled check finds what a dead worker had and nobody can read', async () => {
  await using fleet = await openPoisoned(2);
  await plant(fleet, 'api', 'left', { data: '{' }, 'active');
  await plant(fleet, 'api', 'brings-down', { data: good(), stc: '40' }, 'active');
  const [left, stalled] = await Promise.all([quarantined(fleet, 'left'), quarantined(fleet, 'brings-down')]);
  expect(left).toContain('SLUICE_POISON: the job cannot be read: it is not JSON');
  expect(stalled).toMatch(/^SLUICE_POISON: .*worker was lost 4\d times/);
  await assertAlive(fleet);
});

test('a due job that cannot be read: a delayed one, one past its deadline, one of a held queue', async () => {
  await using fleet = await openPoisoned(1);
  await plant(fleet, 'api', 'delayed-no-json', { data: '{' }, 'delayed');
  await plant(fleet, 'api', 'delayed-no-envelope', { data: '{"v":0}' }, 'delayed');
  await put(fleet, 'api', 'delayed-without-hash', 'delayed');
  for (const id of ['delayed-no-json', 'delayed-no-envelope', 'delayed-without-hash']) {
    expect(await quarantined(fleet, id)).toContain('SLUICE_POISON');
  }

  // Nobody takes a job of a paused queue: only the sweep of the deadlines looks at it.
  await fleet.client.queues.pause('api');
  const { deadlines } = fleet.keys;
  const past = Date.now() - 1000;
  await plant(fleet, 'api', 'due-no-json', { data: '{' });
  await put(fleet, 'api', 'due-wrong-type');
  await fleet.redis.rpush(fleet.keys.bull('api').job('due-wrong-type'), 'a', 'b');
  const told = fleet.client
    .enqueue({ url: `${upstream.url}/json`, id: 'due-newer', deadline: Date.now() + 1000 }, { queue: 'api' })
    .then((handle) => handle.outcome());
  await until(async () => (await fleet.redis.hexists(fleet.keys.bull('api').job('due-newer'), 'data')) === 1);
  await rewrite(fleet, 'due-newer', (data) => ({ ...data, v: 999 }));
  await plant(fleet, 'api', 'due', { data: changed({ deadline: past }) });
  // The bad ones first: they must not keep the sweep from the good one.
  await fleet.redis.zadd(deadlines('api'), 1, 'due-no-json', 2, 'due-wrong-type', past, 'due');
  expect(await quarantined(fleet, 'due-no-json')).toContain('it is not JSON');
  expect(await quarantined(fleet, 'due-wrong-type')).toContain('its key was not a hash');
  expect(await quarantined(fleet, 'due')).toContain('SLUICE_EXPIRED');
  // Also one that only a newer worker can read is told to be over.
  expect((await told).outcome).toMatchObject({ kind: 'expired' });
  expect(await fleet.redis.zcard(deadlines('api'))).toBe(0);
  expect(logged(fleet, 'the sweep of the deadlines failed')).toEqual([]);
});

async function rewrite(
  fleet: Fleet,
  id: string,
  change: (data: Record<string, unknown>) => Record<string, unknown>,
): Promise<void> {
  const job = fleet.keys.bull('api').job(id);
  const data = JSON.parse((await fleet.redis.hget(job, 'data'))!) as Record<string, unknown>;
  await fleet.redis.hset(job, 'data', JSON.stringify(change(data)));
}

test('an envelope of a newer version is put off with no attempt spent, and performed by a worker that can read it', async () => {
  await using fleet = await openPoisoned(2);
  await fleet.client.queues.pause('api');
  const handle = await fleet.client.enqueue(`${upstream.url}/json`, { queue: 'api' });
  await rewrite(fleet, handle.id, (data) => ({ ...data, v: 999, later: { any: 'thing' } }));
  await fleet.client.queues.resume('api');
  await until(async () => (await handle.status()) === 'delayed');
  await assertAlive(fleet);
  expect(await handle.status()).toBe('delayed');
  expect(await fleet.redis.hget(fleet.keys.bull('api').job(handle.id), 'atm')).toBeNull();

  // The workers of the newer version, as far as these go.
  await rewrite(fleet, handle.id, (data) => ({ ...data, v: 1, later: undefined }));
  await fleet.client.queues.release('api');
  const { outcome } = await handle.outcome();
  expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
});

test('whoever awaits a job that cannot be read is told, if the job still says who that is', async () => {
  await using fleet = await openPoisoned(1);
  await fleet.client.queues.pause('api');
  const reply = fleet.client
    .fetch(`${upstream.url}/json`, { queue: 'api', id: 'awaited' })
    .catch((error: unknown) => error);
  await until(async () => (await fleet.redis.hexists(fleet.keys.bull('api').job('awaited'), 'data')) === 1);
  await rewrite(fleet, 'awaited', (data) => ({ ...data, proxy: 'http://elsewhere' }));
  await fleet.client.queues.resume('api');
  expect(await reply).toMatchObject({ code: 'SLUICE_POISON', outcome: { kind: 'poison', attempts: 0 } });

  // Where it says nothing at all, at the latest when its deadline has passed; and by its id.
  await fleet.client.queues.pause('api');
  const deadline = Date.now() + 1000;
  const late = fleet.client
    .fetch(`${upstream.url}/json`, { queue: 'api', id: 'scrambled', deadline })
    .catch((error: unknown) => error);
  const job = fleet.keys.bull('api').job('scrambled');
  await until(async () => (await fleet.redis.hexists(job, 'data')) === 1);
  await fleet.redis.hset(job, 'data', 'scrambled');
  await fleet.client.queues.resume('api');
  expect(await late).toMatchObject({ code: 'SLUICE_POISON' });
  const { outcome } = await fleet.client.job('scrambled', { queue: 'api' }).outcome();
  expect(outcome.kind).toBe('poison');
});

test('a key of another type in the place of a job is moved away and kept', async () => {
  await using fleet = await openPoisoned(2);
  const job = fleet.keys.bull('api').job('odd');
  await fleet.redis.set(job, 'somebody else’s');
  await put(fleet, 'api', 'odd');
  const reason = await quarantined(fleet, 'odd');
  expect(reason).toContain(`its key was not a hash, and is now ${fleet.keys.quarantined('api', 'odd')}`);
  expect(await fleet.redis.get(fleet.keys.quarantined('api', 'odd'))).toBe('somebody else’s');
  expect(await fleet.redis.ttl(fleet.keys.quarantined('api', 'odd'))).toBeGreaterThan(6 * 86_400);
  await assertAlive(fleet);
  await until(async () => (await fleet.redis.llen(fleet.keys.bull('api').active)) === 0);
});

test('operators can see what cannot be read and remove it, but not redrive it', async () => {
  await using fleet = await openPoisoned(1);
  await plant(fleet, 'api', 'no-json', { data: `{"raw\u001b[31m":${'x'.repeat(5000)}` });
  await plant(fleet, 'api', 'no-version', { data: '{"v":0,"redrives":[7]}' });
  await put(fleet, 'api', 'no-hash');
  for (const id of ['no-json', 'no-version', 'no-hash']) await quarantined(fleet, id);

  const list = await fleet.ok(['dead', 'list', 'api', '--code', 'poison']);
  for (const id of ['no-json', 'no-version', 'no-hash']) {
    expect(list).toMatch(new RegExp(`^${id} .*SLUICE_POISON +poison +0 +\\(cannot be read\\)$`, 'm'));
  }
  const shown = await fleet.ok(['dead', 'show', 'api', 'no-json']);
  expect(shown).toMatch(/^because +SLUICE_POISON: the job cannot be read: it is not JSON/m);
  expect(shown).toMatch(/^request +cannot be read$/m);
  expect(shown).toContain('(5012 bytes, hidden; --reveal shows them)');
  const revealed = await fleet.ok(['dead', 'show', 'api', 'no-json', '--reveal']);
  expect(revealed).toContain(String.raw`{"raw\u001b[31m":xxx`);
  expect(revealed).toContain('(of 5012 bytes; --json has all)');
  expect(await fleet.ok(['dead', 'show', 'api', 'no-hash'])).toMatch(/^enqueued +not known$/m);
  const json = JSON.parse(await fleet.ok(['dead', 'show', 'api', 'no-version', '--json'])) as DeadLetter;
  expect(json).toMatchObject({
    code: 'SLUICE_POISON',
    data: '{"v":0,"redrives":[7]}',
    spec: null,
    outcome: { kind: 'poison' },
  });

  const again = await fleet.cli(['dead', 'redrive', 'api', 'no-json', 'no-version', 'no-hash']);
  expect(again).toMatchObject({ code: 2, stdout: 'api: 0 failed jobs sent back to the queue\n' });
  expect(again.stderr).toContain('no worker could read it: no-json, no-version, no-hash');
  expect((await fleet.client.queues.show('api')).counts.failed).toBe(3);

  // Mended by hand, it is a job like any other.
  await fleet.redis.hset(fleet.keys.bull('api').job('no-json'), 'data', good());
  await fleet.ok(['dead', 'redrive', 'api', 'no-json']);
  const mended = fleet.client.job('no-json', { queue: 'api' });
  await until(async () => (await mended.status()) === 'completed');
  expect((await mended.result()).status).toBe(200);

  expect(await fleet.ok(['dead', 'purge', 'api', '--yes'])).toBe('api: 2 failed jobs removed\n');
});

test('a job of 10 MB is performed; one that fails is shown, and sent back', async () => {
  await using fleet = await openPoisoned(1);
  const body = 'x'.repeat(10_000_000);
  const spec = { method: 'POST', body, queue: 'api' } as const;
  const response = await fleet.client.fetch(`${upstream.url}/item/1`, spec);
  expect(response.status).toBe(200);

  const url = `${upstream.url}/status/500?times=1&case=${fleet.prefix}`;
  await fleet.client.fetch(url, { ...spec, id: 'huge' }).catch(() => {});
  await quarantined(fleet, 'huge');
  const shown = await fleet.ok(['dead', 'show', 'api', 'huge']);
  expect(shown.length).toBeLessThan(5000);
  expect(shown).toContain('(10000000 bytes, hidden; --reveal shows them)');
  await fleet.ok(['dead', 'redrive', 'api', 'huge']);
  const huge = fleet.client.job('huge', { queue: 'api' });
  await until(async () => (await huge.status()) === 'completed');
});
