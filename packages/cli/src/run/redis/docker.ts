import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { ServerCommand } from './server-command.ts';

/** The image that is used where it is present; nothing is pulled. */
const image = 'redis:7-alpine';

/** A Redis in a container, if an engine answers and has the image; else why not. @param port on the loopback address */
export async function dockerServer(port: number): Promise<ServerCommand | { skipped: string }> {
  const answer = await docker(['image', 'inspect', '--format', '{{.Id}}', image]);
  if (answer === 'missing') return { skipped: 'no Docker on the PATH' };
  if (answer === 'failed') return { skipped: `no Docker engine answers with the image ${image}` };
  const name = `sluice-run-${randomUUID()}`;
  const publish = `127.0.0.1:${port}:${port}`;
  return {
    command: 'docker',
    args: ['run', '--interactive', '--rm', '--name', name, '--publish', publish, image, 'redis-server', '-'],
    bind: '*',
    // Killing the client leaves the container.
    remove: ['docker', 'rm', '--force', '--volumes', name],
  };
}

function docker(args: string[]): Promise<'ok' | 'failed' | 'missing'> {
  return new Promise((resolve) => {
    execFile('docker', args, { timeout: 10_000 }, (error) => {
      if (error === null) resolve('ok');
      else resolve(error.code === 'ENOENT' ? 'missing' : 'failed');
    });
  });
}
