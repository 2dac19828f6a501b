import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { connect } from '../../packages/producer/src/index.ts';
import { spawnUpstream } from '../lab/upstream/spawn.ts';
import type { Upstream } from '../lab/upstream/server.ts';
import { type SluiceProgram, keysWith, listFile, resultsOf, startSluice } from './sluice.ts';

const allow = ['--allow-net', '127.0.0.0/8'];
const redis = inject('redisUrl');
let upstream: Upstream;
beforeAll(async () => {
  upstream = await spawnUpstream();
});
afterAll(() => upstream.close());

/** The upstream has seen so many requests. */
const seen = (count: number) =>
  expect
    .poll(async () => (await upstream.arrivals()).length, { timeout: 30_000 })
    .toBeGreaterThanOrEqual(count);

const nothingLeft = (program: SluiceProgram) => {
  expect(program.descendants()).toEqual([]);
  expect(readdirSync(program.temporary)).toEqual([]);
};

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s once: requests under way finish, the rest is not sent, exit code %i',
  async (signal, exitCode) => {
    await upstream.reset();
    const list = listFile(Array.from({ length: 300 }, () => `${upstream.url}/delay/1500`));
    await using program = startSluice(['run', list, '--workers', '2', '--concurrency', '3', ...allow]);
    await seen(6);
    program.signal(signal);
    const { code, stdout, stderr } = await program.exit();
    expect(code).toBe(exitCode);

    const sent = (await upstream.arrivals()).length;
    const results = resultsOf(stdout);
    expect(results).toHaveLength(sent);
    expect(results.every(({ outcome, status }) => outcome === 'response' && status === 200)).toBe(true);
    expect(sent).toBeLessThan(30);
    expect(stderr).toContain('stopping: waiting jobs are taken back');
    expect(stderr).toContain(`300 jobs: ${sent} completed, 0 failed, ${300 - sent} not done`);
    nothingLeft(program);
  },
);

test('Ctrl-C takes back a job that waits for its next attempt', async () => {
  await upstream.reset();
  const list = listFile([`${upstream.url}/delay/20000`]);
  await using program = startSluice(['run', list, '--workers', '1', '--timeout', '1s', '--json', ...allow]);
  await seen(1);
  program.signal('SIGINT');
  const { code, stdout } = await program.exit();
  expect({ code, summary: JSON.parse(stdout) as unknown }).toMatchObject({
    code: 130,
    summary: { jobs: 1, completed: 0, failed: 0 },
  });
  // Six attempts of a second each, and the waits between them, would take half a minute.
  expect((await upstream.arrivals()).length).toBeLessThan(4);
});

test("Ctrl-C on a shared queue takes back the run's own jobs, and nobody else's", async () => {
  await upstream.reset();
  const prefix = `{stop-${randomUUID()}}`;
  await using client = await connect({ redis, prefix });
  await client.policies.set('shared', { rate: '1/1h', egress: { allow: ['127.0.0.0/8'] } });
  const others = ['theirs-1', 'theirs-2'];
  for (const id of others) await client.enqueue({ url: `${upstream.url}/json`, id }, { queue: 'shared' });

  const list = listFile(Array.from({ length: 500 }, (_, n) => `${upstream.url}/item/${n}`));
  const options = ['--redis', redis, '--prefix', prefix, '--queue', 'shared', '--workers', '0', '--json'];
  await using program = startSluice(['run', list, ...options]);
  const bull = new Redis(redis);
  try {
    const waiting = () => bull.lrange(`${prefix}:shared:wait`, 0, -1);
    await expect.poll(async () => (await waiting()).length, { timeout: 20_000 }).toBe(502);
    program.signal('SIGINT');
    const { code, stdout } = await program.exit();
    expect({ code, summary: JSON.parse(stdout) as unknown }).toMatchObject({
      code: 130,
      summary: { jobs: 500, completed: 0, failed: 0, requests: 0 },
    });
    expect((await waiting()).sort()).toEqual(others);
    const jobs = (await keysWith(redis, `${prefix}:shared:`)).filter((key) => /:[0-9a-f-]{36}$/.test(key));
    expect(jobs).toEqual([]);
  } finally {
    bull.disconnect();
  }
});

test('Ctrl-C twice ends everything now', async () => {
  await upstream.reset();
  const list = listFile(Array.from({ length: 50 }, () => `${upstream.url}/delay/25000`));
  await using program = startSluice(['run', list, ...allow]);
  await seen(1);
  expect(program.descendants().length).toBeGreaterThanOrEqual(3);
  program.signal('SIGINT');
  await program.line('stopping');
  await sleep(300);
  const second = performance.now();
  program.signal('SIGINT');
  expect((await program.exit()).code).toBe(130);
  expect(performance.now() - second).toBeLessThan(3000);
  await expect.poll(() => program.descendants(), { timeout: 5000 }).toEqual([]);
  expect(readdirSync(program.temporary)).toEqual([]);
});

test('killed without a chance to clean up, it still leaves no process and no folder behind', async () => {
  await upstream.reset();
  const list = listFile(Array.from({ length: 50 }, () => `${upstream.url}/delay/25000`));
  await using program = startSluice(['run', list, ...allow]);
  await seen(1);
  program.signal('SIGKILL');
  await program.exit();
  await expect.poll(() => program.descendants(), { timeout: 5000 }).toEqual([]);
  await expect.poll(() => readdirSync(program.temporary), { timeout: 5000 }).toEqual([]);
});
