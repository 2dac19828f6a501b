import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter } from 'node:path';
import { bin, node } from './workspace.mjs';

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a command to its end; resolves with its exit code and everything it printed, and never rejects
 * (127: there is no such command). `timeout` is in ms.
 */
export function capture(command, args, { timeout = 0, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    const timer = setTimeout(
      () => {
        output += `no end within ${timeout / 1000} s`;
        child.kill('SIGKILL');
      },
      timeout || 2 ** 31 - 1,
    );
    // Ctrl-C during an install: stop it, and exit as the signal would have made us exit.
    const interrupted = (signal) => {
      child.kill(signal);
      process.exit(128 + constants.signals[signal]);
    };
    for (const signal of endings) process.on(signal, interrupted);
    const end = (code) => {
      clearTimeout(timer);
      for (const signal of endings) process.off(signal, interrupted);
      resolve({ code, output });
    };
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => {
      output += error.message;
      end(error.code === 'ENOENT' ? 127 : 1);
    });
    child.on('close', (code) => end(code ?? 1));
  });
}

/**
 * Runs `command` when this process dies without saying goodbye, even by SIGKILL: a shell reads from a pipe
 * whose other end only we hold. Call the result when there is nothing left to clean up.
 */
export function guard(...command) {
  const shell = spawn('sh', ['-c', 'read -r bye || exec "$@"', 'sh', ...command], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  return () => shell.stdin.end('bye\n');
}

/**
 * Runs Node 24 on our own stdin, stdout and stderr; resolves with its exit code.
 *
 * The child has a process group of its own. Otherwise one Ctrl-C would reach it more than once (from the
 * terminal, and again from npm through us), and a second Ctrl-C means "now, without draining".
 */
export function runNode(args, env = {}) {
  const child = spawn(node, args, {
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`, ...env },
  });
  const release = guard('kill', '-TERM', String(child.pid));

  let last = { signal: '', at: 0 };
  const pass = (signal) => {
    const now = Date.now();
    // The copies of one key press come within a few ms of each other; a second press does not.
    if (last.signal === signal && now - last.at < 150) return;
    last = { signal, at: now };
    // A closed terminal: SIGTERM, so that the child cleans up.
    child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
  };
  const suspend = () => {
    child.kill('SIGSTOP');
    process.kill(process.pid, 'SIGSTOP');
  };
  const handlers = [
    ...endings.map((signal) => [signal, pass]),
    ['SIGWINCH', () => child.kill('SIGWINCH')],
    ['SIGTSTP', suspend],
    ['SIGCONT', () => child.kill('SIGCONT')],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);

  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  }).finally(() => {
    release();
    for (const [signal, handler] of handlers) process.off(signal, handler);
  });
}
