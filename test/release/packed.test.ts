import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { runCommand, workspace } from '../lab/processes.ts';
import { startUpstream } from '../lab/upstream/server.ts';
import { extractExamples, installConsumer, installNode, pathWith } from './consumer.ts';

const installed = await installConsumer();
const missing = 'missing' in installed ? installed.missing : undefined;
if (missing !== undefined) console.warn(`SKIPPED: the packed packages: ${missing}`);
const consumer = 'missing' in installed ? { folder: '', packages: [] } : installed;
const inFolder = (...path: string[]) => join(consumer.folder, ...path);

/** The oldest that the packages say they run on. */
const oldest = '22.19.0';
const oldNode = missing === undefined ? await installNode(oldest) : undefined;
if (missing === undefined && oldNode === undefined)
  console.warn(`SKIPPED: the packed packages on Node ${oldest}: npm cannot install it here`);

const nodes = [
  [process.version, process.execPath],
  [`v${oldest}`, oldNode],
] as const;

/** Runs a command in the user's project on this Node. */
const run = (node: string, command: string, args: string[], env: Record<string, string> = {}) =>
  runCommand(command, args, { cwd: consumer.folder, env: { ...env, ...pathWith(node) } });

const npx = (...args: string[]) => run(process.execPath, 'npx', args);

describe.skipIf(missing !== undefined)('the packed packages', () => {
  test('hold what npm shows of them, and no trace of the workspace', () => {
    expect(consumer.packages).toHaveLength(9);
    for (const name of consumer.packages) {
      const folder = inFolder('node_modules', name);
      const files = globSync('**', { cwd: folder });
      for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md']) expect(files, name).toContain(file);
      expect(files.filter((file) => /(?<!\.d)\.ts$|tsbuildinfo|^src/.test(file))).toEqual([]);
      expect(readFileSync(join(folder, 'package.json'), 'utf8')).not.toMatch(
        /sluice-source|workspace:|catalog:/,
      );
      for (const file of files.filter((file) => file.endsWith('.js.map'))) {
        const map = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { sourcesContent?: unknown };
        expect(map.sourcesContent, `${name}/${file}`).toEqual([expect.any(String)]);
      }
    }
  });

  test('have all that they ask for, and no AWS client', async () => {
    const list = await run(process.execPath, 'npm', ['ls', '--all']);
    expect(list.code, `${list.stdout}${list.stderr}`).toBe(0);
    expect(existsSync(inFolder('node_modules/@aws-sdk'))).toBe(false);
  });

  test('say what to install for a body store on S3', async () => {
    const env = { SLUICE_REDIS_URL: inject('redisUrl'), SLUICE_BODY_STORE: 's3://bucket/prefix' };
    const { code, stderr } = await run(process.execPath, 'npx', ['sluice-worker'], env);
    expect(stderr).toContain('npm install @aws-sdk/client-s3 @aws-sdk/lib-storage');
    expect(stderr).toContain('SLUICE_INVALID_CONFIG');
    expect(code).toBe(1);
  });

  describe.each(nodes)('on Node %s', (version, node = '') => {
    const skip = node === '';

    test.skipIf(skip)('fetch ten URLs through a worker that npx starts', async () => {
      await using upstream = await startUpstream();
      const env = { REDIS: inject('redisUrl'), PREFIX: `{packed-${version}}`, UPSTREAM: upstream.url };
      const { code, stdout, stderr } = await run(node, 'node', ['fetch-ten.ts'], env);
      expect(stdout, stderr).toBe(`${Array<number>(10).fill(200).join(' ')}\n`);
      expect(code).toBe(0);
      // The worker's log, and nothing between its lines.
      const lines = stderr.trim().split('\n');
      const logged = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
      expect(logged).toContain('started');
      expect(logged.at(-1)).toBe('drained');
      expect(await upstream.arrivals()).toHaveLength(10);
    });

    test.skipIf(skip)('run inside a program, which has its stderr for itself', async () => {
      await using upstream = await startUpstream();
      const env = { REDIS: inject('redisUrl'), PREFIX: `{embedded-${version}}`, UPSTREAM: upstream.url };
      // The condition of our sources, which are not in the packages, must lead nowhere.
      const args = ['--conditions=sluice-source', 'embed.ts'];
      expect(await run(node, 'node', args, env)).toMatchObject({ code: 0, stdout: '200\n', stderr: '' });
    });

    test.skipIf(skip)('are tested without Redis', async () => {
      const stdout = '200 after 2\n200\n';
      expect(await run(node, 'node', ['own-tests.ts'])).toMatchObject({ code: 0, stdout, stderr: '' });
    });

    test.skipIf(skip)('can be required by CommonJS', async () => {
      const { stdout, stderr } = await run(node, 'node', ['common.cjs']);
      expect({ stdout, stderr }).toEqual({ stdout: 'function true\n', stderr: '' });
    });
  });

  test('check with every declaration file, under TypeScript 5.9 and the workspace’s own', async () => {
    expect(extractExamples(consumer)).toBeGreaterThanOrEqual(6);
    const own = join(workspace, 'node_modules/.bin/tsc');
    const theirs = inFolder('node_modules/.bin/tsc');
    expect((await run(process.execPath, theirs, ['--version'])).stdout).toContain('Version 5.9.');
    for (const tsc of [own, theirs]) {
      for (const module of [[], ['--module', 'preserve', '--moduleResolution', 'bundler']]) {
        expect(await run(process.execPath, tsc, ['-p', '.', ...module])).toMatchObject({
          code: 0,
          stdout: '',
          stderr: '',
        });
      }
    }
  }, 300_000);

  test('bring the command: sluice --version, and a run', async () => {
    const { version } = JSON.parse(readFileSync(inFolder('node_modules/sluice/package.json'), 'utf8')) as {
      version: string;
    };
    expect(await npx('sluice', '--version')).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });

    await using upstream = await startUpstream();
    writeFileSync(inFolder('urls.txt'), `${upstream.url}/item/1\n${upstream.url}/item/2\n`);
    const options = ['--redis', inject('redisUrl'), '--prefix', '{packed-run}', '--allow-net', '127.0.0.0/8'];
    const done = await npx('sluice', 'run', 'urls.txt', '--workers', '1', '--json', '--quiet', ...options);
    expect(done.code, done.stderr).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ jobs: 2, completed: 2 });
  });
});
