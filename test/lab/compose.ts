import { spawnSync } from 'node:child_process';
import { type Exit, runCommand } from './processes.ts';

/** ['docker', 'compose'] or ['docker-compose'], whichever is installed and has an engine to talk to; else why not. */
export function findCompose(): { command: string[] } | { missing: string } {
  const works = (command: string, ...args: string[]) =>
    spawnSync(command, args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
  if (!works('docker', 'version')) return { missing: 'no Docker engine answers' };
  if (works('docker', 'compose', 'version')) return { command: ['docker', 'compose'] };
  if (works('docker-compose', 'version')) return { command: ['docker-compose'] };
  return { missing: 'neither "docker compose" nor docker-compose is installed' };
}

/** Whether the engine has an image; pulls it if necessary. */
export function imageAvailable(image: string, patienceMs: number): boolean {
  const has = () => spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore' }).status === 0;
  if (has()) return true;
  spawnSync('docker', ['pull', '--quiet', image], { stdio: 'ignore', timeout: patienceMs });
  return has();
}

/** A Compose project of a test's own. */
export interface Compose extends AsyncDisposable {
  /** Runs one Compose command to its end. @throws Error with what it printed when it fails. */
  (...args: string[]): Promise<Exit>;
}

/**
 * @param files the project's files, in order; relative paths in them are relative to the first one.
 * @param env for the files' variables.
 * Disposing of it removes its containers, networks and volumes.
 */
export function composeProject(
  command: string[],
  name: string,
  files: string[],
  env: Record<string, string>,
): Compose {
  const [program = '', ...prefix] = command;
  const all = [...prefix, '--project-name', name, ...files.flatMap((file) => ['--file', file])];
  const compose = async (...args: string[]): Promise<Exit> => {
    const exit = await runCommand(program, [...all, ...args], { env, patience: 600_000 });
    if (exit.code === 0) return exit;
    throw new Error(
      `${program} ${args.join(' ')} ended with code ${exit.code}\n${exit.stdout}${exit.stderr}`,
    );
  };
  return Object.assign(compose, {
    async [Symbol.asyncDispose]() {
      await compose('down', '--volumes', '--timeout', '5');
    },
  });
}
