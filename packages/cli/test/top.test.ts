import { Redis } from 'ioredis';
import { describe, expect, inject, test } from 'vitest';
import type { QueueFigures } from '@sluice/producer';
import { policySchema } from '@sluice/shared';
import { startOwnRedis } from '../../../test/lab/redis.ts';
import { connect } from '../../producer/src/index.ts';
import { Rig, until } from '../../worker/test/rig.ts';
import { bar, frameLines } from '../src/top/frame.ts';
import { Meter } from '../src/top/meter.ts';
import { keysIn } from '../src/top/screen.ts';
import { plain } from '../src/text/colour.ts';
import { escape, runHere, uncoloured } from './io.ts';

const now = Date.parse('2027-01-01T08:00:00Z');

const figures = (change: Partial<QueueFigures> = {}): QueueFigures => ({
  name: 'partner',
  policy: policySchema.parse({ rate: '100/60s', origin: 'https://api.test' }),
  isPaused: false,
  waiting: 0,
  active: 0,
  delayed: 0,
  failed: 0,
  sent: 0,
  rejected: 0,
  slowedPaceUs: null,
  gateOpensInMs: 0,
  holds: [],
  failures: [],
  ...change,
});

/** A frame after two looks, ten seconds apart. */
function frame(first: QueueFigures[], second: QueueFigures[], space: object = {}): string[] {
  const meter = new Meter();
  meter.read({ at: now - 10_000, queues: first });
  const readings = meter.read({ at: now, queues: second });
  return frameLines(readings, null, { columns: 140, lines: null, offset: 0, paint: plain, ...space });
}

describe('a frame', () => {
  test('has the share of the rate from the growth of `sent`, what stops a queue, and its backlog', () => {
    const held = { origin: 'https://api.test', until: now + 180_000 };
    const before = [figures({ sent: 5 }), figures({ name: 'held' }), figures({ name: 'paused' })];
    const lines = frame(before, [
      figures({ sent: 20, waiting: 90, active: 4, rejected: 3 }),
      figures({ name: 'held', waiting: 10, holds: [held] }),
      figures({ name: 'paused', isPaused: true, waiting: 1 }),
      figures({ name: 'slow', slowedPaceUs: 2_000_000 }),
      figures({ name: 'free', policy: policySchema.parse({}) }),
    ]);
    expect(lines[0]).toBe('08:00:00Z  5 queues  1.5 requests/s  101 waiting  4 in flight');
    const [, , head, ...rows] = lines.map((line) => line.replaceAll(/ {2,}/g, '|'));
    expect(head).toBe('QUEUE|RATE USED|WAITING|IN FLIGHT|429S|STATE|BACKLOG');
    expect(rows).toEqual([
      `partner|${bar(0.9, 20)}|90 % of 100/60s|90|4|3|open|60 s`,
      `held|${bar(0, 20)}|0 % of 100/60s|10|0|0|held until 08:03:00, in 3 min|?`,
      `paused|${bar(0, 20)}|0 % of 100/60s|1|0|0|paused`,
      `slow|${bar(0, 20)}|? % of 100/60s|0|0|0|slowed to 0.5/s`,
      'free|no limit|0|0|0|open',
    ]);
  });

  test('fits the terminal in both directions, and scrolls', () => {
    const queues = Array.from({ length: 1000 }, (_, n) =>
      figures({ name: `queue-with-a-long-name-${String(n).padStart(4, '0')}`, waiting: 1 }),
    );
    const failures = [{ id: 'x'.repeat(100), at: now, reason: `SLUICE_TIMEOUT: ${'long '.repeat(50)}` }];
    queues[0] = { ...queues[0]!, failures };
    for (const [columns, lines] of [
      [80, 24],
      [200, 50],
    ] as const) {
      const shown = frame([], queues, { columns, lines, offset: 500 });
      expect(shown).toHaveLength(lines);
      expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(columns);
      expect(shown.at(-1)).toMatch(/^queues 501 to \d+ of 1000, arrows scroll; q ends$/);
      expect(shown.join('\n')).toContain(columns === 80 ? 'queue-' : 'queue-with-a-long-name-0500');
    }
  });

  test('what others wrote cannot steer the terminal, and a failure is shown once', () => {
    const failures = [{ id: `a${escape}[2J`, at: now - 1000, reason: `SLUICE_NETWORK: ${escape}]0;x\n` }];
    const lines = frame([figures({ failures })], [figures({ failures })]);
    expect(lines.join('')).not.toContain(escape);
    expect(lines.filter((line) => line.includes('SLUICE_NETWORK'))).toHaveLength(1);
  });
});

test('keys are told apart when several come at once', () => {
  expect(keysIn(`j${escape}[A${escape}[6~x${escape}[1;5Aq`)).toEqual(['down', 'up', 'page-down', 'end']);
  expect(keysIn('\u0003')).toEqual(['end']);
});

describe('sluice top --once', () => {
  test('prints a frame of what workers do, in a pipe, on a terminal and as JSON', async () => {
    await using rig = await Rig.open({ policy: { retry: { attempts: 1 } } });
    const env = { SLUICE_REDIS_URL: inject('redisUrl'), SLUICE_PREFIX: rig.prefix };
    await rig.sluice.policies.set('waits', { rate: '1/1h' });
    await rig.sluice.queues.pause('waits');
    await rig.sluice.enqueue('http://a.test/', { queue: 'waits' });
    await rig.end('/status/500');
    await until(async () => (await rig.sluice.queues.show('q')).counts.failed === 1);
    const piped = await runHere(['top'], { env });
    expect(piped).toMatchObject({ code: 0, stderr: '' });
    expect(piped.stdout).not.toContain(escape);
    expect(piped.stdout).toMatch(/^waits +.*% of 1\/1h +1 +0 +0 +paused$/m);
    expect(piped.stdout).toMatch(/^q +\S+\/s, no limit +0 +0 +0 +open$/m);
    expect(piped.stdout).toMatch(/Recent failures\n\S+ .* q +\S+ +SLUICE_HTTP_ERROR: /);
    const terminal = await runHere(['top', '--once'], { env, columns: 100 });
    expect(terminal.stdout).toContain(`${escape}[1mQUEUE`);
    expect(uncoloured(terminal.stdout)).toMatch(/^waits +.*paused$/m);
    const json = JSON.parse((await runHere(['top', '--json'], { env })).stdout) as object;
    expect(json).toMatchObject({
      rows: [
        { name: 'q', failed: 1 },
        { name: 'waits', waiting: 1, isPaused: true, policy: {} },
      ],
      failures: [{ queue: 'q' }],
    });
  });

  test('bad input gives a sentence', async () => {
    expect(await runHere(['top', 'q'])).toMatchObject({ code: 1, stdout: '' });
    expect((await runHere(['top', '--prefix', 'x'])).stderr).toMatch(/^sluice: --prefix: must begin/);
  });
});

test('1,000 queues cost one script per hundred a look, and nothing between two looks', async () => {
  await using own = await startOwnRedis();
  const redis = new Redis(own.url);
  await using sluice = await connect({ redis: own.url });
  const names = Array.from({ length: 1000 }, (_, n) => `q${n}`);
  await Promise.all(names.map((name) => sluice.policies.set(name, { rate: '10/s' })));
  const calls = async () => {
    const stats = await redis.info('commandstats');
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const overview = sluice.queues.overview();
  expect((await overview.look()).queues).toHaveLength(1000);
  const before = await calls();
  const { queues } = await overview.look();
  expect((await calls()) - before).toBe(10);
  expect(queues.every(({ policy }) => policy?.rate?.limit === 10)).toBe(true);

  // A changed policy, a new queue and one that is gone are seen.
  await sluice.policies.set('q7', { rate: '7/s' });
  await sluice.policies.set('new', {});
  await sluice.queues.remove('q8');
  await overview.look();
  const { queues: after } = await overview.look();
  expect(after.find(({ name }) => name === 'q7')?.policy?.rate?.limit).toBe(7);
  expect(after.some(({ name }) => name === 'new')).toBe(true);
  expect(after.some(({ name }) => name === 'q8')).toBe(false);
  redis.disconnect();
});
