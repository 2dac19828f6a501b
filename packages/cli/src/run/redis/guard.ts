import { spawn } from 'node:child_process';

/**
 * Cleans up when this process dies without saying goodbye, even by SIGKILL: a shell reads from a pipe whose other end
 * only we hold. When the pipe ends, the shell kills every process that was named, removes the folder, and runs a last
 * command.
 */
export class Guard {
  readonly #shell;

  /**
   * @param folder removed at the end
   * @param last a command and its arguments; none: []
   */
  constructor(folder: string, last: readonly string[]) {
    const script =
      'pids=; while read -r line; do [ "$line" = bye ] && exit; pids="$pids $line"; done; kill -KILL $pids; rm -rf "$1"; shift; "$@"';
    this.#shell = spawn('sh', ['-c', script, 'sh', folder, ...last], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#shell.on('error', () => {});
    this.#shell.stdin.on('error', () => {});
    this.#shell.unref();
  }

  /** Names a process that must not outlive us. */
  watch(pid: number): void {
    this.#shell.stdin.write(`${pid}\n`);
  }

  /** Everything has been cleaned up. */
  release(): void {
    this.#shell.stdin.end('bye\n');
  }
}
