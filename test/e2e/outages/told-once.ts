import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { connect } from '../../../packages/producer/src/index.ts';
import { type TcpProxy, startTcpProxy } from '../../lab/faults/tcp-proxy.ts';
import { startOwnRedis } from '../../lab/own-redis.ts';
import { startProgram } from '../../lab/processes.ts';
import { temporaryFolder } from '../../lab/test-run.ts';
import { spawnUpstream } from '../../lab/upstream/spawn.ts';
import { until } from '../fleet.ts';

type Line = { level: string; msg: string; lostMs?: number; reason?: string; err?: unknown };

/** Ways to break the connection to Redis, and what of the worker's reason says which it was. */
export const ways = {
  refused: {
    breakIt: (proxy: TcpProxy) => {
      proxy.refuse();
      proxy.cut();
    },
    reason: /ECONNRESET/,
  },
  silent: { breakIt: (proxy: TcpProxy) => proxy.partition(), reason: /Socket timeout/ },
} as const;

/**
 * An outage while a worker and `sluice run` are at work: it is told once by the worker when it begins and once when it is
 * over, and once by `sluice run`; every job is completed.
 */
export async function expectToldOnce(
  way: keyof typeof ways,
  { outageMs, jobs, rate }: { outageMs: number; jobs: number; rate: string },
): Promise<void> {
  await using redis = await startOwnRedis();
  await using proxy = await startTcpProxy(redis);
  await using upstream = await spawnUpstream();
  const url = `redis://${proxy.host}:${proxy.port}`;
  {
    await using client = await connect({ redis: redis.url });
    await client.policies.create('api', { rate, egress: { allow: ['127.0.0.0/8'] } });
  }
  await using worker = startProgram('packages/worker/src/main.ts', [], {
    env: { SLUICE_REDIS_URL: url, SLUICE_HEALTH_PORT: '0' },
    patience: 60_000,
  });
  await worker.line('"started"');
  const list = join(temporaryFolder('outage'), 'urls.txt');
  writeFileSync(list, Array.from({ length: jobs }, (_, n) => `${upstream.url}/?${way}=${n}\n`).join(''));
  await using run = startProgram(
    'packages/cli/src/main.ts',
    ['run', list, '--redis', url, '--queue', 'api', '--workers', '0', '--json'],
    { patience: 90_000 },
  );
  await until(async () => (await upstream.arrivalColumns()).t.length > 10);

  const brokenAt = performance.now();
  ways[way].breakIt(proxy);
  await worker.line('the connection to Redis is lost');
  const heardAt = performance.now();
  await run.line('Redis does not answer');
  await until(() => performance.now() - brokenAt > outageMs);
  const healedAt = performance.now();
  proxy.heal();
  await worker.line('connected to Redis again');
  const againAt = performance.now();

  const { code, stdout, stderr } = await run.exit();
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ completed: jobs, failed: 0 });
  const said = stderr.trim().split('\n');
  expect(said.filter((line) => line.includes('Redis does not answer'))).toHaveLength(1);
  // Progress, and nothing of a library's own.
  expect(said.filter((line) => !/^(sluice: |\d+\/\d+ |\d+ jobs: )/.test(line))).toEqual([]);

  worker.signal('SIGTERM');
  const log = (await worker.exit()).stderr.trim().split('\n');
  const lines = log.map((line) => JSON.parse(line) as Line);
  const began = lines.findIndex(({ level }) => level === 'warn');
  const told = lines.slice(began).map(({ level, msg }) => `${level}: ${msg}`);
  expect(told, log.join('\n')).toEqual([
    'warn: the connection to Redis is lost; reconnecting',
    'info: connected to Redis again',
    'info: draining',
    'info: drained',
  ]);
  expect(lines[began]!.reason).toMatch(ways[way].reason);
  // It was lost before we heard of it, and until it was healed.
  const { lostMs } = lines[began + 1]!;
  expect(lostMs).toBeGreaterThanOrEqual(Math.floor(healedAt - heardAt));
  expect(lostMs).toBeLessThanOrEqual(Math.ceil(againAt - brokenAt));
}
