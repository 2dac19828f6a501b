import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { startUpstream } from '../lab/upstream/server.ts';
import { runCommand, startCommand, workspace } from '../lab/processes.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { openFleet } from './fleet.ts';
import { listFile, sluice, startSluice } from './sluice.ts';

vi.setConfig({ testTimeout: 60_000 });

// oxlint-disable-next-line no-control-regex -- that is what must not be there
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const allow = ['--allow-net', '127.0.0.0/8'];

test('what others wrote cannot steer the terminal: a bad line, however long, a name, an id', async () => {
  const hostile = '\u001b[2J\u202e\u009b1m';
  const lines = [`http://a.test/${hostile}`, hostile, `{"url":"http://a.test/","${hostile}":1}`];
  const long = `{"x${'y'.repeat(1_000_000)}": 1}`;
  const bad = await sluice([
    'run',
    listFile([...lines, `not a url ${hostile}${'z'.repeat(1_000_000)}`, long]),
  ]);
  expect(bad.code).toBe(1);
  expect(bad.stderr).not.toMatch(steering);
  expect(bad.stderr.length).toBeLessThan(5000);

  await using fleet = await openFleet(0);
  const shown = await fleet.cli(['queue', 'show', hostile]);
  expect(shown.code).toBe(1);
  expect(shown.stderr).not.toMatch(steering);
  await fleet.client.policies.set('api', {});
  const { failed, job } = fleet.keys.bull('api');
  await fleet.redis.hset(
    job(hostile),
    'data',
    `{"v":1,"x":"${hostile}"}`,
    'failedReason',
    `SLUICE_POISON: ${hostile}`,
  );
  await fleet.redis.zadd(failed, Date.now(), hostile);
  for (const args of [
    ['list', 'api'],
    ['list', 'api', '--json'],
    ['show', 'api', hostile, '--reveal'],
  ]) {
    const { code, stdout } = await fleet.cli(['dead', ...args]);
    expect(code).toBe(0);
    expect(stdout).toContain(String.raw`\u001b[2J`);
    expect(stdout).not.toMatch(steering);
  }
});

describe('an output that cannot be written', () => {
  test('gives a sentence and an exit code, not a stack', async () => {
    await using upstream = await startUpstream();
    const list = listFile([`${upstream.url}/item/1`]);
    for (const args of [`run ${list} ${allow.join(' ')}`, '--help']) {
      const main = join(workspace, 'packages/cli/src/main.ts');
      const command = `exec node --conditions=sluice-source ${main} ${args} > /dev/full`;
      const { code, stderr } = await runCommand('sh', ['-c', command], { patience: 60_000 });
      expect(stderr).toMatch(/^sluice: cannot write to standard output: .+$/m);
      expect(stderr).not.toMatch(/^ {4}at /m);
      expect(code).toBe(1);
    }
  });

  test('waits if it is a FIFO that nobody reads, until Ctrl-C', async () => {
    await using upstream = await startUpstream();
    const fifo = join(temporaryFolder('fifo'), 'out');
    execFileSync('mkfifo', [fifo]);
    const list = listFile([`${upstream.url}/item/1`]);
    const args = ['run', list, '--out', fifo, ...allow];
    await using waiting = startSluice(args);
    await waiting.line(`waiting for a reader of ${fifo}`);
    waiting.signal('SIGINT');
    expect((await waiting.exit()).code).toBe(130);
    expect(await upstream.arrivals()).toEqual([]);

    await using program = startSluice(args);
    await program.line('waiting for a reader');
    await using reader = startCommand('cat', [fifo]);
    expect((await program.exit()).code).toBe(0);
    expect(JSON.parse((await reader.exit()).stdout)).toMatchObject({ index: 0, status: 200 });
  });
});
