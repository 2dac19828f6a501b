import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { Rig, until } from '../../worker/test/rig.ts';
import { type CommandOptions, escape, runHere, uncoloured } from './io.ts';

let idle: Rig;
beforeAll(async () => {
  idle = await Rig.open({ idle: true, policy: { rate: '1/1h' } });
});
afterAll(async () => await idle[Symbol.asyncDispose]());

const run = (args: string[], options: CommandOptions = {}, rig: Rig = idle) =>
  runHere(args, {
    ...options,
    env: { SLUICE_REDIS_URL: inject('redisUrl'), SLUICE_PREFIX: rig.prefix, ...options.env },
  });
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
const objects = (text: string) => lines(text).map((line) => JSON.parse(line) as Record<string, unknown>);

describe('sluice enqueue', () => {
  test('prints the id of each job, as text and as JSON', async () => {
    await using rig = await Rig.open({ idle: true });
    const plain = await run(['enqueue', 'http://a.test/1', 'http://a.test/2', '--queue', 'q'], {}, rig);
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    const ids = lines(plain.stdout);
    expect(ids).toHaveLength(2);
    const waiting = await rig.sluice.queues.jobs('q', 'waiting', 10);
    expect(waiting).toEqual(ids);
    const named = ['--id', 'mine', '--delay', '1h', '--priority', '7', '-X', 'PUT', '--json'];
    const json = await run(['enqueue', 'http://a.test/3', '--queue', 'q', ...named], {}, rig);
    expect(objects(json.stdout)).toEqual([{ id: 'mine', queue: 'q' }]);
    const job = await rig.bull.getJob('mine');
    expect(job).toMatchObject({ delay: 3_600_000, priority: 7, data: { req: { method: 'PUT' } } });
  });

  test('reads lines from standard input, and checks them all before the first is enqueued', async () => {
    await using rig = await Rig.open({ idle: true });
    const args = ['enqueue', '-', '--queue', 'q', '--priority', '5'];
    const bad = await run(args, { input: 'http://a.test/\nnot a url\n' }, rig);
    expect(bad).toMatchObject({ code: 1, stdout: '' });
    expect(bad.stderr).toMatch(/^sluice: line 2: .*\nsluice: 1 bad line; nothing was enqueued\n$/);
    expect(await rig.sluice.queues.jobs('q', 'waiting', 10)).toEqual([]);
    const input = 'http://a.test/\n# no job\n{"url":"http://a.test/","id":"own","priority":1}\n';
    const good = await run(args, { input }, rig);
    expect(lines(good.stdout)).toHaveLength(2);
    expect(await rig.sluice.queues.jobs('q', 'waiting', 10)).toEqual(['own', lines(good.stdout)[0]]);
  });

  test.each([
    [['nonsense'], /nonsense: url: "nonsense" is not an absolute URL/],
    [['http://a.test/', 'http://b.test/', '--id', 'x'], /--id: is for one URL/],
    [['http://a.test/', '--delay', 'soon'], /--delay: "soon" is not a duration/],
    [['http://a.test/', '--priority', '-1'], /--priority: "-1" is not a whole number/],
    [['http://a.test/', '-'], /give URLs, or - for standard input/],
    [['http://a.test/', '--queue', 'nowhere'], /there is no queue "nowhere"/],
  ])('bad input %j gives a sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await run(['enqueue', '--queue', 'q', ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(sentence);
  });
});

describe('sluice job', () => {
  test('show says why a job waits, with colours on a terminal only', async () => {
    await idle.sluice.enqueue({ url: 'http://a.test/?key=secret', id: 'one' });
    await idle.sluice.enqueue({ url: 'http://a.test/', id: 'two' });
    const piped = await run(['job', 'show', 'q', 'two']);
    expect(piped).toMatchObject({ code: 0, stderr: '' });
    expect(piped.stdout).toMatch(/^state +waiting$/m);
    expect(piped.stdout).toMatch(/^why +the rate of the queue: 1 job is taken before it$/m);
    expect(piped.stdout).toMatch(/^workers +none has announced itself .*; start one: npx sluice worker$/m);
    expect((await run(['job', 'show', 'q', 'one'])).stdout).toMatch(
      /^why +no worker of this version serves the queue: npx sluice worker$/m,
    );
    expect(piped.stdout).toMatch(/^earliest start +\S+T\S+Z \(in (?:60 min|1 h)\)$/m);
    expect(piped.stdout).not.toContain(escape);
    const terminal = await run(['job', 'show', 'q', 'two'], { columns: 80 });
    expect(terminal.stdout).toContain(`${escape}[36mwaiting`);
    expect(uncoloured(terminal.stdout)).toMatch(/^state +waiting$/m);
    expect((await run(['job', 'show', 'q', 'one'])).stdout).not.toContain('secret');
    expect((await run(['job', 'show', 'q', 'one', '--reveal'])).stdout).toContain('key=secret');
    const [json] = objects((await run(['job', 'show', 'q', 'two', '--json'])).stdout);
    expect(json).toMatchObject({ id: 'two', status: 'waiting', why: 'rate', ahead: 1, workers: [] });

    await idle.sluice.queues.pause('q');
    expect((await run(['job', 'show', 'q', 'two'])).stdout).toMatch(/^why +the queue is paused: sluice/m);
    await idle.sluice.queues.resume('q');
  });

  test('show of an attempt that failed says which of how many, and until when it waits', async () => {
    await using rig = await Rig.open({ policy: { retry: { base: 60_000, jitter: 0, attempts: 3 } } });
    await rig.sluice.enqueue({ url: rig.url('/status/500'), id: 'fails' });
    await until(async () => (await rig.sluice.job('fails').status()) === 'delayed');
    const { stdout } = await run(['job', 'show', 'q', 'fails'], {}, rig);
    expect(stdout).toMatch(/^why +backoff after attempt 1 of 3 until \S+Z \(in \S+ \S+\)$/m);
    expect(stdout).toMatch(/^workers +1 serves it \(\S+\)$/m);
    expect(stdout).toMatch(/^last error +.*500/m);
  });

  test('list has a line for each job, in the order in which they are taken', async () => {
    const { stdout } = await run(['job', 'list', 'q', '--limit', '2']);
    expect(stdout).toMatch(/^ID +STATE +ENQUEUED +REQUEST +WHY\none +waiting .*\ntwo +waiting .*\n/);
    expect(stdout).toContain('?(hidden; --reveal shows it)');
    const one = await run(['job', 'list', 'q', '--limit', '1', '--json']);
    expect(objects(one.stdout)).toMatchObject([{ id: 'one', why: 'worker' }]);
    expect((await run(['job', 'list', 'q', '--limit', '1'])).stdout).toContain('there are more; see --limit');
    expect((await run(['job', 'list', 'q', '--state', 'delayed'])).stdout).toBe(
      'q: no jobs that are delayed\n',
    );
    const terminal = await run(['job', 'list', 'q'], { columns: 80 });
    expect(terminal.stdout).toContain(`${escape}[1mID`);
  });

  test('cancel ends jobs; 2 when one had ended or is not there', async () => {
    expect(await run(['job', 'cancel', 'q', 'two'])).toEqual({
      code: 0,
      stdout: 'two: cancelled\n',
      stderr: '',
    });
    const again = await run(['job', 'cancel', 'q', 'two', 'nobody', '--json']);
    expect(again.code).toBe(2);
    expect(objects(again.stdout)).toEqual([
      { queue: 'q', id: 'two', result: 'ended' },
      { queue: 'q', id: 'nobody', result: 'unknown' },
    ]);
    const ended = await run(['job', 'show', 'q', 'two']);
    expect(ended.stdout).toMatch(/^error +SLUICE_CANCELLED: the job was cancelled$/m);
  });

  test.each([
    [['show', 'q', 'nobody'], /queue "q" has no job "nobody"/],
    [['show', 'q:x', 'id'], /queue "q:x": must be 1 to 100 letters/],
    [['list', 'nowhere'], /there is no queue "nowhere"/],
    [['list', 'q', '--state', 'lost'], /Allowed choices are waiting, active, delayed, failed/],
    [['list', 'q', '--limit', '0'], /--limit: "0" is not a whole number/],
    [['cancel', 'q'], /missing required argument 'ids'/],
  ])('bad input %j gives a sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await run(['job', ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(sentence);
  });
});

describe('sluice batch', () => {
  test('show and results, as text, on a terminal and as JSON, from a cursor on', async () => {
    await using rig = await Rig.open();
    const input = ['/status/200', '/status/404'].map((path) => `${rig.url(path)}\n`).join('');
    await run(
      ['enqueue', '-', '--queue', 'q', '--batch', 'night'],
      { input: `${input}http://10.0.0.1/\n` },
      rig,
    );
    await until(async () => (await rig.sluice.batch('night').progress()).ended === 3);
    const shown = await run(['batch', 'show', 'night'], {}, rig);
    expect(shown.stdout.replaceAll(/ +/g, ' ')).toBe(
      'batch night\nstate complete\njobs 3\nended 3 (100 %)\nfailed 1\n',
    );
    expect(objects((await run(['batch', 'show', 'night', '--json'], {}, rig)).stdout)).toEqual([
      { name: 'night', total: 3, ended: 3, failed: 1, sealed: true, complete: true },
    ]);

    const results = await run(['batch', 'results', 'night', '--follow'], {}, rig);
    expect(results.code).toBe(2);
    expect(lines(results.stdout).toSorted()).toEqual([
      expect.stringMatching(/^0 {2}\S+ {2}200 {2}1 attempt, 14 bytes$/),
      expect.stringMatching(/^1 {2}\S+ {2}404 {2}1 attempt, 14 bytes$/),
      expect.stringMatching(/^2 {2}\S+ {2}blocked: .*10\.0\.0\.1/),
    ]);
    const terminal = await run(['batch', 'results', 'night'], { columns: 80 }, rig);
    expect(terminal.stdout).toContain(`${escape}[32m200`);
    const all = objects((await run(['batch', 'results', 'night', '--json', '--bodies'], {}, rig)).stdout);
    expect(new Set(all.map(({ index }) => index))).toEqual(new Set([0, 1, 2]));
    expect(all.find(({ index }) => index === 0)).toMatchObject({ status: 200, body: '{"status":200}' });
    const rest = await run(
      ['batch', 'results', 'night', '--json', '--cursor', String(all[1]!['cursor'])],
      {},
      rig,
    );
    expect(objects(rest.stdout).map(({ index }) => index)).toEqual([all[2]!['index']]);
  });

  test.each([
    [['show', 'nothing'], /there is no batch "nothing"/],
    [['results', 'nothing'], /there is no batch "nothing"/],
    [['results', 'x', '--bodies'], /--bodies: needs --json/],
    [['results', 'x', '--follow', '--cursor', 'no'], /cursor: "no" is not a cursor/],
    [['show', 'no:name'], /batch "no:name": must be/],
  ])('bad input %j gives a sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await run(['batch', ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(sentence);
  });
});

describe('sluice schedule', () => {
  test('set, list, change and remove', async () => {
    const url = 'http://a.test/refresh?key=secret';
    const cron = ['--cron', '0 8 * * 1', '--tz', 'Europe/Berlin', '-X', 'POST'];
    const set = await run(['schedule', 'set', 'q', 'refresh', url, ...cron]);
    expect(set).toMatchObject({ code: 0, stderr: '' });
    expect(set.stdout).toMatch(/^refresh: 0 8 \* \* 1 Europe\/Berlin; next \S+Z \(in \S+ [hd]\)\n$/);
    const listed = await run(['schedule', 'list', 'q']);
    expect(listed.stdout).toMatch(
      /^NAME +WHEN +NEXT +REQUEST\nrefresh +0 8 .* POST http:\/\/a\.test\/refresh\?\(hidden/,
    );
    expect((await run(['schedule', 'list', 'q'], { columns: 80 })).stdout).toContain(`${escape}[1mNAME`);
    const changed = await run(['schedule', 'set', 'q', 'refresh', url, '--every', '90s', '--json']);
    expect(objects(changed.stdout)).toMatchObject([{ name: 'refresh', every: 90_000, cron: null }]);
    const [all] = objects((await run(['schedule', 'list', 'q', '--json'])).stdout);
    expect(all).toMatchObject([{ name: 'refresh', request: { method: 'GET' } }]);
    expect((await run(['schedule', 'remove', 'q', 'refresh'])).stdout).toBe('refresh: removed\n');
    expect((await run(['schedule', 'list', 'q'])).stdout).toBe('q: no schedules\n');
  });

  test.each([
    [['set', 'q', 'x', 'http://a.test/'], /when\? Give --every/],
    [['set', 'q', 'x', 'http://a.test/', '--every', '1h', '--cron', '* * * * *'], /cannot be used with/],
    [['set', 'q', 'x', 'http://a.test/', '--cron', '61 * * * *'], /never comes due/],
    [['set', 'q', 'x', 'http://a.test/', '--every', '5'], /every: "5" is not a duration/],
    [['set', 'q', 'x', 'nonsense', '--every', '1h'], /"nonsense" is not an absolute URL/],
    [['remove', 'q', 'x'], /queue "q" has no schedule "x"/],
    [['list', 'nowhere'], /there is no queue "nowhere"/],
  ])('bad input %j gives a sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await run(['schedule', ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(sentence);
  });
});

describe('sluice queue export', () => {
  test('is a file that queue apply takes back unchanged, whatever the policies are', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.policies.set('plain', {});
    await rig.sluice.policies.set('full', {
      rate: { limit: 7, per: '1.5 min', shape: 'burst', adaptive: false, slack: 12 },
      origin: 'https://api.example.com',
      concurrency: { worker: 3, global: 9 },
      timeout: 1234,
      retry: { attempts: 3, base: 50, cap: 7000, statuses: [500, 429] },
      egress: { allow: ['10.0.0.0/8'], allowHosts: ['*.corp.internal'], ports: [443], redirectBodies: [] },
      maxBody: 1_000_001,
      store: { above: 4096 },
      keepFailed: { age: '36h', count: 5 },
      maxHold: 0,
      delivery: 'at-most-once',
    });
    for (const format of [[], ['--json']]) {
      const { code, stdout } = await run(['queue', 'export', ...format], {}, rig);
      expect(code).toBe(0);
      const before = await rig.redis.hgetall(rig.keys.queues);
      const applied = await run(['queue', 'apply', '-'], { input: stdout }, rig);
      expect(applied.stdout).toContain('0 created, 0 changed, 3 same');
      expect(await rig.redis.hgetall(rig.keys.queues)).toEqual(before);
    }
    const { stdout } = await run(['queue', 'export', 'full'], {}, rig);
    expect(stdout).toMatch(/^queues:\n {2}full:\n {4}rate:\n {6}limit: 7\n {6}per: 1.5 min\n/);
    expect(stdout).not.toContain('plain');
    // Into another fleet.
    await using other = await Rig.open({ idle: true });
    await run(['queue', 'apply', '-'], { input: stdout }, other);
    expect(await other.sluice.policies.read('full')).toEqual(await rig.sluice.policies.read('full'));
  });

  test('a queue that is not there, and no queues at all, give a sentence', async () => {
    expect(await run(['queue', 'export', 'nowhere'])).toMatchObject({ code: 1, stdout: '' });
    const none = await run(['queue', 'export'], { env: { SLUICE_PREFIX: '{nobody}' } });
    expect(none).toEqual({ code: 1, stdout: '', stderr: 'sluice: there are no queues to export here\n' });
  });
});
