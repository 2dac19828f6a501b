import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { worstWindow } from '../lab/measure/window.ts';
import { nginxAvailable, startNginx } from '../lab/nginx.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import { listFile, resultsOf, sluice } from '../e2e/sluice.ts';

const root = '/usr/share/doc';
const wanted = 2000;
/** What nginx admits, per second. */
const ratePerSecond = 200;
/**
 * What it lets through at once above that. Its bucket leaks evenly, and a worker that woke late catches up at 1.3
 * times its pace until the window is full: 190/s then runs at most 36 requests ahead of 200/s. A smaller bucket
 * refuses some after every late turn of the machine.
 */
const bucket = { enough: 60, tight: 20 };

/** Files that can be fetched whole, by their paths below the root; symbolic links are followed. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    const info = statSync(join(root, path), { throwIfNoEntry: false });
    return info?.isFile() === true && info.size <= 2 ** 20 ? [path] : [];
  });
}

const files = existsSync(root) ? filesBelow('').slice(0, wanted) : [];
const skip = !nginxAvailable() || files.length < wanted;
if (!nginxAvailable())
  console.warn('SKIPPED: no nginx here (apt-get install nginx); the runs against it were not made');
else if (skip)
  console.warn(`SKIPPED: ${root} has ${files.length} files, ${wanted} are needed for the runs against nginx`);

/** Fetches all files at a share of nginx' limit, and compares every byte. */
async function run(share: number, burst: number) {
  await using nginx = await startNginx({ root, ratePerSecond, burst, retryAfterSeconds: 1 });
  const list = listFile(
    files.map((file) => `${nginx.url}/${file.split('/').map(encodeURIComponent).join('/')}`),
  );
  const out = join(temporaryFolder('out'), 'results.jsonl');
  const rate = ['--rate', `${Math.round(ratePerSecond * share)}/1s`];
  const args = [
    'run',
    list,
    ...rate,
    '--workers',
    '2',
    '--bodies',
    '--out',
    out,
    '--json',
    '--allow-net',
    '127.0.0.0/8',
  ];
  const { code, stdout, stderr } = await sluice(args, { patience: 120_000 });
  expect(stderr).toContain('2000 completed, 0 failed');
  expect(code).toBe(0);
  const results = resultsOf(readFileSync(out, 'utf8'));
  expect(results).toHaveLength(wanted);
  const different = results.filter(({ index, body, bodyBase64 }) => {
    const bytes = bodyBase64 === undefined ? Buffer.from(body ?? '') : Buffer.from(bodyBase64, 'base64');
    return !bytes.equals(readFileSync(join(root, files[index]!)));
  });
  expect(different.map(({ url }) => url)).toEqual([]);
  const summary = JSON.parse(stdout) as { requests: number; rateLimited: number; seconds: number };
  return { summary, counts: await nginx.statusCounts(), arrivals: await nginx.arrivals() };
}

test.skipIf(skip)(
  'below the limit of nginx: 2,000 files, byte for byte, and no 429',
  { timeout: 180_000 },
  async () => {
    const { summary, counts, arrivals } = await run(0.95, bucket.enough);
    expect(counts).toEqual({ 200: wanted });
    expect(summary).toMatchObject({ requests: wanted, rateLimited: 0 });
    const worst = worstWindow(
      arrivals.map(({ t }) => t),
      1000,
    ).count;
    console.log(
      `below nginx' limit: ${summary.seconds} s, at most ${worst} requests in a second, 190 allowed`,
    );
    // What nginx allows: the machine may deliver a request later than the slack.
    expect(worst).toBeLessThanOrEqual(ratePerSecond);
  },
);

test.skipIf(skip)(
  'above the limit of nginx: still 2,000 files, by backing off',
  { timeout: 180_000 },
  async () => {
    const { summary, counts } = await run(1.2, bucket.tight);
    console.log(`above nginx' limit: ${summary.seconds} s, ${counts[429]} refused`);
    expect(counts[200]).toBe(wanted);
    expect(counts[429]).toBeGreaterThan(0);
    expect(summary).toMatchObject({ rateLimited: counts[429], requests: wanted + (counts[429] ?? 0) });
  },
);
