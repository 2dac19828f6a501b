import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { containerLabel } from './test-run.ts';

const run = promisify(execFile);

/** Removes the containers that test run `id` started; resolves with their ids. */
export async function removeContainers(id: string): Promise<string[]> {
  try {
    const filter = `label=${containerLabel}=${id}`;
    const { stdout } = await run('docker', ['ps', '--all', '--quiet', '--filter', filter], {
      timeout: 10_000,
    });
    const ids = stdout.split('\n').filter(Boolean);
    if (ids.length > 0) await run('docker', ['rm', '--force', '--volumes', ...ids], { timeout: 30_000 });
    return ids;
  } catch {
    // No engine, so no containers of ours.
    return [];
  }
}
