import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { nginxAvailable, startNginx } from '../lab/nginx.ts';

const root = mkdtempSync(join(tmpdir(), 'sluice-files-'));
writeFileSync(join(root, 'a file.txt'), 'served');
afterAll(() => rmSync(root, { recursive: true }));

if (!nginxAvailable()) console.warn('SKIPPED: no nginx here (apt-get install nginx), its tests did not run');

test.skipIf(!nginxAvailable())(
  'nginx serves files, refuses above rate and burst, and logs both',
  async () => {
    await using nginx = await startNginx({ root, ratePerSecond: 1, burst: 4, retryAfterSeconds: 3 });
    const responses = await Promise.all(Array.from({ length: 12 }, () => fetch(`${nginx.url}/a%20file.txt`)));
    const [served] = responses.filter(({ status }) => status === 200);
    const [refused] = responses.filter(({ status }) => status === 429);
    expect(await served?.text()).toBe('served');
    expect(served?.headers.get('retry-after')).toBeNull();
    expect(refused?.headers.get('retry-after')).toBe('3');

    // One at once and four as burst; a second may have passed on a busy machine and let one more in.
    const counts = await nginx.statusCounts();
    expect((counts[200] ?? 0) + (counts[429] ?? 0)).toBe(12);
    expect(counts[200]).toBeGreaterThanOrEqual(5);
    expect(counts[200]).toBeLessThanOrEqual(6);
    const arrivals = await nginx.arrivals();
    expect(arrivals.filter((arrival) => arrival.refused)).toHaveLength(counts[429] ?? 0);
    expect(arrivals[0]).toMatchObject({ method: 'GET', path: '/a%20file.txt' });
    expect(Math.abs((arrivals[0]?.t ?? 0) - performance.now())).toBeLessThan(5000);
  },
);

test.skipIf(!nginxAvailable())('nginx leaves neither process nor folder behind', async () => {
  const nginx = await startNginx({ root, ratePerSecond: 100, burst: 0 });
  const folder = /-c (\S+)\/nginx\.conf/.exec(
    readFileSync(`/proc/${nginx.pid}/cmdline`, 'utf8').replaceAll('\0', ' '),
  )?.[1];
  expect(existsSync(folder ?? '')).toBe(true);
  await nginx.stop();
  await nginx.stop();
  expect(existsSync(folder ?? '')).toBe(false);
  expect(() => process.kill(nginx.pid, 0)).toThrow('ESRCH');
});

test.skipIf(!nginxAvailable())('nginx ends with its parent, even one that is killed', async () => {
  const entry = new URL('../lab/nginx.ts', import.meta.url).href;
  const options = JSON.stringify({ root, ratePerSecond: 100, burst: 0 });
  const code = `import { startNginx } from '${entry}'; console.log((await startNginx(${options})).url);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: root }, // nobody is left to remove its folder, so it goes with ours
  });
  const [url] = await once(createInterface({ input: parent.stdout }), 'line');
  const answers = (): Promise<boolean> =>
    fetch(`${url}/-/fence`)
      .then(({ ok }) => ok)
      .catch(() => false);
  expect(await answers()).toBe(true);
  parent.kill('SIGKILL');
  await expect.poll(answers).toBe(false);
});
