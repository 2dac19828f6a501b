import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { marked } from './leftovers.ts';
import { runProgram, startProgram, workspace } from './processes.ts';
import { temporaryFolder, testRun } from './test-run.ts';

function program(text: string): string {
  const file = join(temporaryFolder('program'), 'main.ts');
  writeFileSync(file, text);
  return file;
}

const running = (pid: number) => marked(testRun().id).some((left) => left.pid === pid);

test('a program runs from TypeScript with its arguments, environment and input, and is read to its end', async () => {
  const file = program(`
    const chunks: string[] = [];
    for await (const chunk of process.stdin) chunks.push(String(chunk));
    console.log(process.argv[2], process.env.COLOUR, process.env.HOME, chunks.join(''));
    console.error('said');
    process.exitCode = 3;
  `);
  const options = { env: { COLOUR: 'blue', HOME: undefined }, input: 'in' };
  expect(await runProgram(file, ['one'], options)).toEqual({
    code: 3,
    signal: null,
    stdout: 'one blue undefined in\n',
    stderr: 'said\n',
  });
});

test('lines and messages can be waited for, before and after they came', async () => {
  const file = program(`
    console.log('ready');
    process.on('message', (message) => process.send?.({ echo: message }));
  `);
  await using child = startProgram(file, [], { ipc: true });
  await child.line('ready');
  expect(await child.line(/^read/)).toBe('ready');
  child.send({ n: 1 });
  const isEcho = (message: unknown): message is { echo: { n: number } } =>
    typeof message === 'object' && message !== null && 'echo' in message;
  expect(await child.message(isEcho)).toEqual({ echo: { n: 1 } });
});

test('a wait that cannot succeed fails with everything that was printed', async () => {
  const file = program(`console.log('only this'); process.exit(4);`);
  await using child = startProgram(file);
  await expect(child.line('something else')).rejects.toThrow(/only this[^]*before its end \(code 4\)/);
});

test('kill ends the program and what it started', async () => {
  const file = program(`
    import { spawn } from 'node:child_process';
    console.log('child', spawn('sleep', ['60']).pid);
    setInterval(() => {}, 1000);
  `);
  const parent = startProgram(file);
  const child = Number((await parent.line('child')).split(' ')[1]);
  expect(running(child)).toBe(true);
  expect((await parent.kill()).signal).toBe('SIGKILL');
  await expect.poll(() => running(child)).toBe(false);
});

test('nothing survives a test run that is killed: no process of another group, no folder', async () => {
  const file = program(`
    import { startCommand } from '${workspace}test/lab/processes.ts';
    import { startOwnRedis } from '${workspace}test/lab/redis.ts';
    import { testRun } from '${workspace}test/lab/test-run.ts';
    startCommand('setsid', ['sleep', '60']);
    const redis = await startOwnRedis();
    console.log(JSON.stringify({ ...testRun(), redis: redis.pid }));
  `);
  // Without our mark, because it is a run of its own.
  const { SLUICE_TEST_RUN: _, ...env } = process.env;
  const other = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(other.stdout, 'data');
  const run = JSON.parse(String(line)) as { id: string; dir: string };
  expect(marked(run.id).length).toBeGreaterThanOrEqual(2);

  other.kill('SIGKILL');
  await expect.poll(() => marked(run.id), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => existsSync(run.dir), { timeout: 10_000 }).toBe(false);
});
