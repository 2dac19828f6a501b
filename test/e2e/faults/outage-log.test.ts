import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connect } from '../../../packages/producer/src/index.ts';
import { type TcpProxy, startTcpProxy } from '../../support/faults/tcp-proxy.ts';
import { installedServer, startOwnRedis } from '../../support/own-redis.ts';
import { startProgram } from '../../support/processes.ts';
import { temporaryFolder } from '../../support/test-run.ts';
import { spawnUpstream } from '../../support/upstream/spawn.ts';
import { until } from '../fleet.ts';

const outageMs = 20_000;
const jobs = 200;

type Line = { level: string; msg: string; lostMs?: number; reason?: string };

const ways: [name: string, breakIt: (proxy: TcpProxy) => void][] = [
  [
    'refused',
    (proxy) => {
      proxy.refuse();
      proxy.cut();
    },
  ],
  ['silent', (proxy) => proxy.partition()],
];

describe.skipIf(installedServer() === undefined)('an outage of Redis of 20 s', () => {
  test.concurrent.each(ways)(
    'that is %s is told once by a worker when it begins and once when it is over, and once by sluice run',
    async (name, breakIt) => {
      await using redis = await startOwnRedis();
      await using proxy = await startTcpProxy(redis);
      await using upstream = await spawnUpstream();
      const url = `redis://${proxy.host}:${proxy.port}`;
      {
        await using client = await connect({ redis: redis.url });
        await client.policies.create('api', { rate: '20/s', egress: { allow: ['127.0.0.0/8'] } });
      }
      await using worker = startProgram('packages/worker/src/main.ts', [], {
        env: { SLUICE_REDIS_URL: url, SLUICE_HEALTH_PORT: '0' },
      });
      await worker.line('"started"');
      const list = join(temporaryFolder('outage'), 'urls.txt');
      writeFileSync(list, Array.from({ length: jobs }, (_, n) => `${upstream.url}/?${name}=${n}\n`).join(''));
      await using run = startProgram(
        'packages/cli/src/main.ts',
        ['run', list, '--redis', url, '--queue', 'api', '--workers', '0', '--json'],
        { patience: 60_000 },
      );
      await until(async () => (await upstream.arrivalColumns()).t.length > 20);

      breakIt(proxy);
      const brokenAt = performance.now();
      await run.line('Redis does not answer');
      await until(() => performance.now() - brokenAt > outageMs);
      proxy.heal();
      await worker.line('connected to Redis again');

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
      expect(told).toEqual([
        'warn: the connection to Redis is lost; reconnecting',
        'info: connected to Redis again',
        'info: draining',
        'info: drained',
      ]);
      expect(lines[began]!.reason).toMatch(name === 'refused' ? /ECONNRESET/ : /Socket timeout/);
      // A silent one begins when it is noticed, within 15 s.
      const { lostMs } = lines[began + 1]!;
      expect(lostMs).toBeGreaterThan(name === 'refused' ? outageMs - 1000 : 1000);
      expect(lostMs).toBeLessThan(outageMs + 10_000);
    },
    90_000,
  );
});
