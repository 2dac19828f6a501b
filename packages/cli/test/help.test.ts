import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import type { ProcessIo } from '../src/process-io.ts';
import { createProgram } from '../src/program.ts';
import { escape, runHere, uncoloured } from './io.ts';

/** Every command by the words that name it. */
function commandsOf(command: Command, words: string[] = []): string[][] {
  return [words, ...command.commands.flatMap((sub) => commandsOf(sub, [...words, sub.name()]))];
}

const program = createProgram({ env: {}, stdout: {}, stderr: {} } as unknown as ProcessIo, () => {});

describe.each(commandsOf(program).map((words) => [words.join(' '), words] as const))(
  'sluice %s --help',
  (_, words) => {
    test('has an example that is this command, and every option of its example', async () => {
      const { code, stdout, stderr } = await runHere([...words, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const examples = stdout.slice(stdout.search(/^Examples?:$/m));
      const command = ['sluice', ...words].join(' ');
      expect(examples).toContain(`  ${words.length === 0 ? 'sluice run' : command}`.trim());
      // The examples of a group are of its commands.
      const isGroup = /^Commands:$/m.test(stdout);
      const own = isGroup ? [] : examples.split('\n').filter((line) => line.includes(`${command} `));
      for (const [flag] of own.join('\n').matchAll(/(?<=\s)--[a-z][a-z-]*/g)) {
        expect(stdout, `${flag} is in an example`).toMatch(new RegExp(`^ +(?:-\\w, )?${flag}\\b`, 'm'));
      }
    });
  },
);

test('help has colours on a terminal, without them it is the same text, and a pipe has none', async () => {
  const pipe = await runHere(['queue', 'set', '--help']);
  expect(pipe.stdout).not.toContain(escape);
  const terminal = await runHere(['queue', 'set', '--help'], { columns: 80 });
  expect(terminal.stdout).toContain(`${escape}[1mExamples:`);
  expect(uncoloured(terminal.stdout)).toBe(pipe.stdout);
  const noColour = await runHere(['queue', 'set', '--help'], { columns: 80, env: { NO_COLOR: '1' } });
  expect(noColour.stdout).toBe(pipe.stdout);
  const forced = await runHere(['queue', 'set', '--help'], { env: { FORCE_COLOR: '1' } });
  expect(forced.stdout).toBe(terminal.stdout);
  const dumb = await runHere(['queue', 'set', '--help'], { columns: 80, env: { TERM: 'dumb' } });
  expect(dumb.stdout).toBe(pipe.stdout);
});

test('an error has a red name on a terminal, and its text cannot bring colours', async () => {
  const args = ['queue', 'list', '--prefix', 'x', '--redis', `${escape}[31m`];
  const { stderr } = await runHere(args, { columns: 80 });
  expect(stderr.startsWith(`${escape}[31msluice:${escape}[39m --redis: `)).toBe(true);
  expect(uncoloured(stderr)).not.toContain(escape);
  expect((await runHere(args)).stderr).toBe(uncoloured(stderr));
});

test('what was typed brings no colours and no moves of the cursor into a usage error', async () => {
  const { code, stderr } = await runHere([`${escape}[31mx`], { columns: 80, env: { FORCE_COLOR: '3' } });
  expect(code).toBe(1);
  expect(stderr).toContain('unknown command');
  expect(stderr).not.toContain(escape);
});
