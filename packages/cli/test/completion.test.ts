import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { runHere } from './io.ts';

const scriptOf = async (shell: string) => {
  const { code, stdout } = await runHere(['completion', shell]);
  expect(code).toBe(0);
  return stdout;
};

const isThere = (shell: string) => spawnSync(shell, ['-c', 'exit 0']).status === 0;

/** Runs a script in a shell that reads no startup files. */
function run(shell: string, flags: string[], script: string): string[] {
  const { status, stdout, stderr } = spawnSync(shell, [...flags, '-c', script], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, their commands, options and the values of an option', async () => {
  const script = await scriptOf('bash');
  const completed = (...words: string[]) =>
    run(
      'bash',
      ['--norc', '--noprofile', '-u'],
      `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length - 1}
_sluice
for word in "\${COMPREPLY[@]}"; do echo "$word"; done`,
    );
  expect(completed('sluice', 'q')).toEqual(['queue']);
  expect(completed('sluice', '')).toEqual(expect.arrayContaining(['run', 'queue', 'dead', 'completion']));
  expect(completed('sluice', 'queue', 'se')).toEqual(['set']);
  expect(completed('sluice', 'queue', 'set', 'github', '--global')).toEqual(['--global-concurrency']);
  expect(completed('sluice', 'queue', '--help', 'sh')).toEqual(['show']);
  expect(completed('sluice', 'queue', 'set', 'x', '--shape', 'sm')).toEqual(['smooth']);
  // Files, which bash offers where nothing else is.
  expect(completed('sluice', 'run', '')).toEqual([]);
  expect(completed('sluice', 'run', '--out', 'q')).toEqual([]);
  expect(run('bash', ['--norc', '--noprofile'], `${script}\ncomplete -p sluice`)).toEqual([
    'complete -o default -F _sluice sluice',
  ]);
});

test.skipIf(!isThere('zsh'))('zsh reads its script', async () => {
  const script = await scriptOf('zsh');
  const inZsh = `compdef() { print "$@"; }
compadd() { shift; print -l -- "$@"; }
_describe() { local -a all=(\${(P)2}); print -l -- \${all%%:*}; }
${script}
words=(sluice queue ''); CURRENT=3; _sluice
words=(sluice queue set x --shape ''); CURRENT=6; _sluice`;
  expect(run('zsh', ['-f'], inZsh)).toEqual(
    expect.arrayContaining(['_sluice sluice', 'apply', 'set', 'show', 'smooth']),
  );
});

test.skipIf(!isThere('fish'))('fish completes commands, options and values', async () => {
  const script = await scriptOf('fish');
  const completed = (line: string) =>
    run('fish', ['--no-config'], `${script}\ncomplete -C '${line}'`).map((one) => one.split('\t')[0]);
  expect(completed('sluice q')).toEqual(['queue']);
  expect(completed('sluice queue se')).toEqual(['set']);
  expect(completed('sluice queue set x --global')).toEqual(['--global-concurrency']);
  expect(completed('sluice queue set x --shape sm')).toEqual(['smooth']);
});

test('another shell is an error that names those there are', async () => {
  const { code, stdout, stderr } = await runHere(['completion', 'tcsh']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^sluice: .*'tcsh' is invalid.*bash, zsh, fish/);
});
