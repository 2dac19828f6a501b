import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { composeProject, findCompose, imageAvailable } from '../lab/compose.ts';
import { freePort } from '../lab/free-port.ts';
import { worstWindow } from '../lab/measure/window.ts';
import { runCommand, runProgram, workspace } from '../lab/processes.ts';
import { temporaryFolder } from '../lab/test-run.ts';

/** Built already, by whoever runs the tests; else the test builds it, on a base that it must be able to get. */
const builtImage = process.env['SLUICE_TEST_WORKER_IMAGE'];
const baseImage = process.env['SLUICE_TEST_BASE_IMAGE'] ?? 'node:24-alpine';
const redisImage = process.env['SLUICE_TEST_REDIS_IMAGE'] ?? 'redis:7-alpine';

/** Why there can be no fleet of containers here, or how to run Compose. */
function prepare(): { command: string[] } | { missing: string } {
  const found = findCompose();
  if ('missing' in found) return found;
  const needed = [redisImage, builtImage ?? baseImage];
  const absent = needed.find((image) => !imageAvailable(image, 60_000));
  return absent === undefined ? found : { missing: `the image ${absent} is not here and cannot be pulled` };
}

interface Arrival {
  at: number;
  from: string;
}

test('docker-compose up with two workers, and a run through them: all done, inside the rate, by both', async ({
  skip,
}) => {
  const found = prepare();
  if ('missing' in found) {
    console.warn(`SKIPPED: Compose: ${found.missing}`);
    return skip(found.missing);
  }

  const name = `sluice-test-${process.pid}`;
  const redisPort = await freePort();
  const folder = temporaryFolder('compose');
  // JSON is YAML. The upstream is one more container: the fleet reaches it on any engine, local or not.
  const upstreamFile = join(folder, 'upstream.json');
  const upstream = {
    image: builtImage ?? name,
    entrypoint: ['node', '/upstream.ts'],
    volumes: [`${join(workspace, 'test/release/compose-upstream.ts')}:/upstream.ts:ro`],
    healthcheck: { disable: true },
    // A name with a domain: without one it would be refused as a name of the internal network.
    networks: { default: { aliases: ['upstream.example.org'] } },
  };
  writeFileSync(upstreamFile, JSON.stringify({ services: { upstream } }));
  await using compose = composeProject(
    found.command,
    name,
    [join(workspace, 'docker-compose.yml'), upstreamFile],
    {
      SLUICE_WORKER_IMAGE: builtImage ?? name,
      SLUICE_BASE_IMAGE: baseImage,
      SLUICE_REDIS_IMAGE: redisImage,
      SLUICE_REDIS_PORT: String(redisPort),
    },
  );
  if (builtImage === undefined) await compose('build', 'worker');
  await compose('up', '--detach', '--no-build', '--scale', 'worker=2');

  const urls = Array.from({ length: 150 }, (_, index) => `http://upstream.example.org:8080/item/${index}`);
  const network = ['network', 'inspect', '--format', '{{(index .IPAM.Config 0).Subnet}}', `${name}_default`];
  const subnet = (await runCommand('docker', network)).stdout.trim();
  const run = await runProgram(
    'packages/cli/src/main.ts',
    [
      'run',
      '-',
      '--redis',
      `redis://127.0.0.1:${redisPort}`,
      '--workers',
      '0',
      '--rate',
      '50/s',
      '--bodies',
    ].concat(['--allow-net', subnet, '--quiet']),
    { input: urls.join('\n'), patience: 60_000 },
  );
  expect(run.code, `${run.stdout}${run.stderr}`).toBe(0);
  const results = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { index: number; body: string });
  expect(results.map(({ index }) => index).sort((a, b) => a - b)).toEqual(urls.map((_, index) => index));
  for (const { index, body } of results) expect(body).toBe(`/item/${index}`);

  const ask = `fetch('http://127.0.0.1:8080/arrivals').then(async (r) => console.log(await r.text()))`;
  const arrivals = JSON.parse(
    (await compose('exec', '-T', 'upstream', 'node', '-e', ask)).stdout,
  ) as Arrival[];
  expect(arrivals).toHaveLength(urls.length);
  expect(new Set(arrivals.map(({ from }) => from)).size).toBe(2);
  expect(
    worstWindow(
      arrivals.map(({ at }) => at),
      1_000,
    ).count,
  ).toBeLessThanOrEqual(50);

  // Not root; node itself is process 1, so that SIGTERM drains: `stop` must not have to wait for its kill.
  const whoami = 'console.log(process.getuid(), require("fs").readFileSync("/proc/1/comm", "utf8").trim())';
  expect((await compose('exec', '-T', 'worker', 'node', '-e', whoami)).stdout.trim()).toMatch(
    /^1000 (node|MainThread)$/,
  );
  const began = performance.now();
  await compose('stop', '--timeout', '30', 'worker');
  expect(performance.now() - began).toBeLessThan(15_000);
  const ofWorker = ['com.docker.compose.service=worker', `com.docker.compose.project=${name}`];
  const labels = ofWorker.flatMap((label) => ['--filter', `label=${label}`]);
  const ids = (await runCommand('docker', ['ps', '--all', '--quiet', ...labels])).stdout.trim().split('\n');
  const codes = await runCommand('docker', ['inspect', '--format', '{{.State.ExitCode}}', ...ids]);
  // 137: it had to be killed.
  expect(codes.stdout.trim().split('\n')).toEqual(['0', '0']);
  expect((await compose('logs', '--no-color', 'worker')).stdout).not.toMatch(/"level":"(error|fatal)"/);
}, 600_000);
