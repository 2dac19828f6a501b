import { execFileSync, spawnSync } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { startOwnRedis } from '../lab/redis.ts';
import { connect } from '../../packages/producer/src/index.ts';
import { type Program, startCommand, workspace } from '../lab/processes.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { openFleet, until } from './fleet.ts';

/** util-linux' script(1) runs a command in a terminal of its own. */
const hasTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux');

const entered = '\u001b[?1049h';
const left = '\u001b[?1049l';

type Terminal = AsyncDisposable & {
  program: Program;
  type(keys: string): Promise<void>;
  /** Signals `sluice top` itself. */
  kill(signal: NodeJS.Signals): void;
  /** The terminal's settings before and after. */
  settings(): [before: string, after: string];
};

/** Runs `sluice top` in a terminal of 100 columns and 30 lines. */
async function inTerminal(redis: string, prefix: string): Promise<Terminal> {
  const folder = temporaryFolder('terminal');
  const [before, after, keyboard, pid] = ['before', 'after', 'keyboard', 'pid'].map((name) =>
    join(folder, name),
  );
  execFileSync('mkfifo', [keyboard!]);
  const main = join(workspace, 'packages/cli/src/main.ts');
  const sluice = `${process.execPath} --conditions=sluice-source ${main} top --redis ${redis} --prefix "${prefix}"`;
  const inside = `stty cols 100 rows 30; stty -g > ${before}; sh -c 'echo $$ > ${pid}; exec ${sluice}'; echo code: $?; stty -g > ${after}`;
  const program = startCommand('sh', ['-c', `exec script -qec "$INSIDE" /dev/null < ${keyboard}`], {
    env: { INSIDE: inside, TERM: 'xterm-256color', NO_COLOR: undefined, FORCE_COLOR: undefined },
  });
  const keys: FileHandle = await open(keyboard!, 'w');
  return {
    program,
    kill: (signal) => void process.kill(Number(readFileSync(pid!, 'utf8')), signal),
    type: async (text) => void (await keys.write(text)),
    settings: () => [readFileSync(before!, 'utf8'), readFileSync(after!, 'utf8')],
    async [Symbol.asyncDispose]() {
      await keys.close();
      await program.kill();
    },
  };
}

/** The last whole frame that was drawn, without what moves the cursor and colours. */
function lastFrame(text: string): string {
  const frames = text.split('\u001b[H').slice(1);
  const whole = frames.findLast((frame) => frame.includes('\u001b[J')) ?? '';
  // oxlint-disable-next-line no-control-regex -- that is what is taken out
  return whole.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
}

describe.skipIf(!hasTerminal)('sluice top in a terminal', () => {
  test.each([
    ['q', 'q'],
    ['Ctrl-C', '\u0003'],
  ])('shows 1,000 queues, scrolls, and gives the terminal back at %s', async (_, key) => {
    await using fleet = await openFleet(0);
    const names = Array.from({ length: 1000 }, (_, n) => `queue-${String(n).padStart(4, '0')}`);
    await Promise.all(names.map((name) => fleet.client.policies.set(name, { rate: '100/60s' })));
    await using terminal = await inTerminal(inject('redisUrl'), fleet.prefix);
    const { program } = terminal;
    const shown = () => lastFrame(program.stdout);
    await until(() => shown().includes('1000 queues'));
    expect(program.stdout).toContain(entered);
    // Within its 30 lines, no line longer than the terminal is wide.
    expect(shown().split('\r\n')).toHaveLength(30);
    expect(
      Math.max(
        ...shown()
          .split('\r\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(100);
    expect(shown()).toContain('queue-0000');

    // The figures follow.
    await fleet.client.enqueue('http://a.test/', { queue: 'queue-0007' });
    await until(() => /1 waiting/.test(shown()) && /queue-0007 .* 1 +0 +0 +open/.test(shown()));
    await terminal.type('\u001b[6~\u001b[6~');
    await until(() => !shown().includes('queue-0000'));

    await terminal.type(key);
    const { stdout, code } = await program.exit();
    expect(code).toBe(0);
    expect(stdout).toMatch(/code: 0\r?\n$/);
    expect(stdout.lastIndexOf(left)).toBeGreaterThan(stdout.lastIndexOf(entered));
    // The cursor is seen again, and what follows is on the screen that was there before.
    const rest = stdout.slice(stdout.lastIndexOf('\u001b[J'));
    expect(rest).toContain('\u001b[?25h');
    expect(rest).toContain(`${left}code: 0`);
    const [before, after] = terminal.settings();
    expect(after).toBe(before);
  });

  test('gives the terminal back when it is told to end', async () => {
    await using fleet = await openFleet(0);
    await using terminal = await inTerminal(inject('redisUrl'), fleet.prefix);
    await until(() => lastFrame(terminal.program.stdout).includes('no queues yet'));
    terminal.kill('SIGTERM');
    const { stdout } = await terminal.program.exit();
    expect(stdout.lastIndexOf(left)).toBeGreaterThan(stdout.lastIndexOf(entered));
    expect(stdout).toMatch(/code: 143\r?\n$/);
    const [before, after] = terminal.settings();
    expect(after).toBe(before);
  });

  test('says so while Redis is away, and ends all the same', async () => {
    await using own = await startOwnRedis();
    const client = await connect({ redis: own.url });
    await client.policies.set('api', { rate: '5/s' });
    await client.close();
    await using terminal = await inTerminal(own.url, '{sluice}');
    await until(() => lastFrame(terminal.program.stdout).includes('api'));
    await own.stop();
    await until(() => /does not answer/.test(lastFrame(terminal.program.stdout)));
    // The last figures stay.
    expect(lastFrame(terminal.program.stdout)).toContain('api');
    await terminal.type('q');
    expect((await terminal.program.exit()).stdout).toMatch(/code: 0\r?\n$/);
    const [before, after] = terminal.settings();
    expect(after).toBe(before);
  });
});
