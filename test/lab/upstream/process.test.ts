import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { startUpstream } from './server.ts';
import { spawnUpstream } from './spawn.ts';

test('an upstream of its own ends with its parent, even one that is killed', async () => {
  const entry = new URL('./spawn.ts', import.meta.url).href;
  const code = `import { spawnUpstream } from '${entry}'; console.log((await spawnUpstream()).url);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(parent.stdout, 'data');
  parent.kill('SIGKILL');
  // The upstream also holds the other end of this pipe: it closes when both are gone, or this test times out.
  await once(parent, 'close');
});

test('an upstream of its own that cannot start says why', async () => {
  await using taken = await startUpstream();
  await expect(spawnUpstream({ port: taken.port })).rejects.toThrow('EADDRINUSE');
  await expect(spawnUpstream({ bodyBytes: -1 })).rejects.toThrow('bodyBytes');
});

test('questions to an upstream whose process was killed fail instead of waiting', async () => {
  const upstream = await spawnUpstream();
  process.kill(upstream.pid, 'SIGKILL');
  await expect(upstream.arrivals()).rejects.toThrow();
  await upstream.close();
});

test('a second close does nothing, and closing drops what hangs', async () => {
  const upstream = await startUpstream();
  const hanging = expect(fetch(`${upstream.url}/hang`)).rejects.toThrow('fetch failed');
  await expect.poll(() => upstream.inFlight()).toBe(1);
  await Promise.all([upstream.close(), upstream.close()]);
  await hanging;
});
