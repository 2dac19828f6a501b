import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { served } from '../e2e/gateway.ts';
import { runCommand, workspace } from '../lab/processes.ts';
import { startUpstream } from '../lab/upstream/server.ts';

/** One program a language, and how to see that this machine can run it. */
const languages = [
  { file: 'jobs.sh', queue: 'example', run: ['sh'], probe: ['curl', '--version'], needs: 'curl' },
  // Debian's, where python3 may be another one that has no httpx.
  {
    file: 'jobs.py',
    queue: 'python',
    run: ['/usr/bin/python3'],
    probe: ['/usr/bin/python3', '-c', 'import httpx'],
    needs: 'python3-httpx',
  },
  { file: 'jobs.go', queue: 'go', run: ['go', 'run'], probe: ['go', 'version'], needs: 'golang-go' },
  { file: 'jobs.php', queue: 'php', run: ['php'], probe: ['php', '--version'], needs: 'php-cli' },
];

test.for(languages)(
  'examples/http/$file prints what its last comment says',
  async ({ file, queue, run, probe, needs }, { skip }) => {
    if (spawnSync(probe[0]!, probe.slice(1)).status !== 0) {
      console.warn(`SKIPPED: examples/http/${file}: ${needs} is not installed`);
      return skip(`${needs} is not installed`);
    }
    await using upstream = await startUpstream();
    await using scene = await served(inject('redisUrl'), 1);
    // Only an operator opens the way to addresses inside; the example keeps what it finds.
    await scene.client.policies.set(queue, { egress: { allow: ['127.0.0.0/8'] } });
    const path = join(workspace, 'examples/http', file);
    const env = { GATEWAY: scene.url, UPSTREAM: upstream.url };
    const { code, stdout, stderr } = await runCommand(run[0]!, [...run.slice(1), path], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(promised(readFileSync(path, 'utf8')));
  },
);

/** The lines of a program's last comment. */
function promised(source: string): string {
  const [, comment] = /^(?:#|\/\/) Output:\n((?:(?:#|\/\/) .*\n)+)$/m.exec(source)!;
  // Its queue is there already.
  return comment!.replaceAll(/^(?:#|\/\/) /gm, '').replace(/^created$/m, 'changed');
}
