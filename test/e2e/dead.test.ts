import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeadLetter } from '../../packages/producer/src/index.ts';
import { spawnUpstream } from '../lab/upstream/spawn.ts';
import type { Upstream } from '../lab/upstream/server.ts';
import { drained, openFleet, until } from './fleet.ts';

const policy = { egress: { allow: ['127.0.0.0/8'] }, retry: { attempts: 1 } };

let upstream: Upstream;
beforeAll(async () => {
  upstream = await spawnUpstream({ keepHeaders: true });
});
afterAll(() => upstream.close());

const failing = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ url: `${upstream.url}/status/500?n=${n}`, id: `job-${n}` }));

test('a failed job keeps its request, its attempts and its last response; secrets are not shown', async () => {
  await using fleet = await openFleet(1);
  await fleet.client.policies.set('api', { ...policy, retry: { attempts: 2, base: 1 } });
  const handle = await fleet.client.enqueue(
    {
      url: `${upstream.url}/status/503`,
      method: 'PUT',
      json: { a: 1 },
      headers: { authorization: 'Bearer hush', 'x-a': 'b' },
      meta: { order: 7 },
    },
    { queue: 'api' },
  );
  await handle.outcome();
  await until(async () => (await fleet.client.queues.show('api')).counts.failed === 1);

  const list = await fleet.ok(['dead', 'list', 'api']);
  expect(list).toMatch(/^ID +FAILED +CODE +KIND +ATTEMPTS +REQUEST\n/);
  expect(list).toContain(`${handle.id}  `);
  expect(list).toMatch(/ (?:now|\d+ s ago) +SLUICE_HTTP_ERROR +http-error +2 +PUT http:/);

  const shown = await fleet.ok(['dead', 'show', 'api', handle.id]);
  expect(shown).toMatch(/^because +SLUICE_HTTP_ERROR: the upstream answered 503 to attempt 2/m);
  expect(shown).toMatch(/^attempts +2$/m);
  expect(shown).toMatch(/^response +503 from http:/m);
  expect(shown).toMatch(/^ {2}x-a +\(hidden; --reveal shows it\)$/m);
  expect(shown).not.toContain('{"a":1}');
  expect(shown).not.toContain('hush');
  const revealed = await fleet.ok(['dead', 'show', 'api', handle.id, '--reveal']);
  expect(revealed).toMatch(/^ {2}x-a +b$/m);
  expect(revealed).toContain('{"a":1}');

  const json = JSON.parse(await fleet.ok(['dead', 'show', 'api', handle.id, '--json'])) as DeadLetter;
  expect(json).toMatchObject({
    id: handle.id,
    queue: 'api',
    code: 'SLUICE_HTTP_ERROR',
    attempts: 2,
    spec: { method: 'PUT', body: '{"a":1}', headers: { authorization: 'Bearer hush' }, meta: { order: 7 } },
    outcome: { kind: 'http-error', response: { status: 503 } },
    redrives: [],
  });
  expect(Math.abs(json.failedAt - Date.now())).toBeLessThan(10_000);
  expect(json.enqueuedAt).toBeLessThanOrEqual(json.failedAt);
});

test('two processes redrive everything at once: each job is moved once, and performed once more', async () => {
  const jobs = 300;
  await upstream.reset();
  await using fleet = await openFleet(2);
  await fleet.client.policies.set('api', policy);
  await drained(fleet.client.stream(failing(jobs), { queue: 'api' }));
  await until(async () => (await fleet.client.queues.show('api')).counts.failed === jobs);
  expect(await upstream.arrivals()).toHaveLength(jobs);

  // Paused, or a job that fails anew in the meantime would rightly be moved again by the slower of the two.
  await fleet.client.queues.pause('api');
  const outputs = await Promise.all(
    [0, 1].map(() => fleet.ok(['dead', 'redrive', 'api', '--all', '--code', 'http-error'])),
  );
  await fleet.client.queues.resume('api');
  const moved = outputs.map((text) => Number(/^api: (\d+) failed/.exec(text)?.[1]));
  expect(moved[0]! + moved[1]!).toBe(jobs);

  await until(async () => (await fleet.client.queues.show('api')).counts.failed === jobs);
  expect(await upstream.arrivals()).toHaveLength(2 * jobs);
  const { letters } = await fleet.client.dead.list('api', { limit: 1000 });
  expect(letters).toHaveLength(jobs);
  expect(letters.filter(({ redrives, attempts }) => redrives.length !== 1 || attempts !== 1)).toEqual([]);
});

test('a redriven job starts over, is answered, and can be read by its id', async () => {
  await using fleet = await openFleet(1);
  await fleet.client.policies.set('api', policy);
  // No default for keeping its outcome: as of `fetch`, whose caller was told of the failure.
  const failure = await fleet.client
    .fetch(`${upstream.url}/status/500?times=1&case=${fleet.prefix}`, { queue: 'api', id: 'flaky' })
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'SLUICE_HTTP_ERROR' });
  await until(async () => (await fleet.client.dead.get('api', 'flaky')) !== null);

  expect(await fleet.ok(['dead', 'redrive', 'api', 'flaky'])).toBe(
    'api: 1 failed job sent back to the queue\n',
  );
  await until(async () => (await fleet.client.job('flaky', { queue: 'api' }).status()) === 'completed');
  const response = await fleet.client.job('flaky', { queue: 'api' }).result();
  expect(response.status).toBe(200);

  const again = await fleet.cli(['dead', 'redrive', 'api', 'flaky']);
  expect(again).toMatchObject({ code: 2, stdout: 'api: 0 failed jobs sent back to the queue\n' });
  expect(again.stderr).toContain('left alone, not failed (any more)');
  const shown = await fleet.cli(['dead', 'show', 'api', 'flaky']);
  expect(shown.code).toBe(1);
  expect(shown.stderr).toContain('sluice: queue "api" has no failed job "flaky"; it is completed');
});

test('purge removes the jobs that are named, then all that are left, and only with --yes', async () => {
  await using fleet = await openFleet(1);
  await fleet.client.policies.set('api', policy);
  await drained(fleet.client.stream(failing(5), { queue: 'api' }));
  await until(async () => (await fleet.client.queues.show('api')).counts.failed === 5);

  const asked = await fleet.cli(['dead', 'purge', 'api']);
  expect(asked.code).toBe(1);
  expect(asked.stderr).toContain('this removes 5 failed jobs of queue "api", for good; add --yes to do it');
  expect(await fleet.ok(['dead', 'purge', 'api', '--older-than', '1h', '--yes'])).toBe(
    'api: 0 failed jobs removed\n',
  );
  expect(await fleet.ok(['dead', 'purge', 'api', 'job-1', 'job-9', '--yes'])).toBe(
    'api: 1 failed job removed\n',
  );
  expect(await fleet.ok(['dead', 'purge', 'api', '--code', 'timeout', '--yes'])).toBe(
    'api: 0 failed jobs removed\n',
  );
  expect(await fleet.ok(['dead', 'purge', 'api', '--yes'])).toBe('api: 4 failed jobs removed\n');
  expect(await fleet.ok(['dead', 'list', 'api'])).toBe('api: no failed jobs\n');
  expect(await fleet.redis.keys(`${fleet.prefix}:api:job-*`)).toEqual([]);
});

test('bad usage is reported, with exit code 1', async () => {
  await using fleet = await openFleet(0);
  await fleet.client.policies.set('here', policy);
  const said = async (...args: string[]) => {
    const { code, stderr } = await fleet.cli(['dead', ...args]);
    return `${code} ${stderr}`;
  };
  expect(await said('list', 'gone')).toBe('1 sluice: there is no queue "gone" here; the queues are: here\n');
  expect(await said('list', 'here', '--code', 'nope')).toMatch(
    /^1 sluice: --code: "nope" is not an error code/,
  );
  expect(await said('list', 'here', '--limit', '0')).toMatch(/^1 sluice: --limit: "0" is not a whole number/);
  expect(await said('redrive', 'here')).toMatch(/^1 sluice: which ones\? Give ids, or --all/);
  expect(await said('redrive', 'here', 'a', '--all')).toMatch(/^1 sluice: give ids, or --all/);
  expect(await said('purge', 'here', '--older-than', '7')).toMatch(
    /^1 sluice: --older-than: "7" is not a duration/,
  );
  expect(await said('show', 'here', 'x')).toBe('1 sluice: queue "here" has no failed job "x"\n');
});
