import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { type ConnectOptions, connect } from '../../packages/producer/src/index.ts';
import { type Fleet, openFleet } from '../e2e/fleet.ts';
import { worstWindow } from '../lab/measure/window.ts';
import { type Program, startCommand } from '../lab/processes.ts';
import { startUpstream } from '../lab/upstream/server.ts';
import { pathWith } from './consumer.ts';
import { installOlder } from './older-version.ts';

const egress = { allow: ['127.0.0.0/8'] };

const installed = await installOlder('0.1.0');
const missing = 'missing' in installed ? installed.missing : undefined;
if (missing !== undefined) console.warn(`SKIPPED: 0.1.0 beside this version: ${missing}`);
const folder = 'missing' in installed ? '' : installed.folder;

/** A worker of 0.1.0 on this prefix, ready. */
async function startOlder(prefix: string): Promise<Program> {
  const worker = startCommand(process.execPath, ['node_modules/.bin/sluice-worker'], {
    cwd: folder,
    env: {
      ...pathWith(process.execPath),
      SLUICE_REDIS_URL: inject('redisUrl'),
      SLUICE_PREFIX: prefix,
      SLUICE_HEALTH_PORT: '0',
      SLUICE_CONCURRENCY: '20',
    },
  });
  await worker.line('"msg":"started"');
  return worker;
}

/** A producer of today. */
const producerOf = ({ prefix }: Fleet, policy: ConnectOptions['policy']) =>
  connect({ redis: inject('redisUrl'), prefix, queue: 'api', ...(policy && { policy }) });

const urls = (upstream: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${upstream}/item/${index}`);

describe.skipIf(missing !== undefined)('beside 0.1.0', () => {
  test('its workers serve the producers of today', async () => {
    await using upstream = await startUpstream();
    await using fleet = await openFleet(0);
    await using _ = await startOlder(fleet.prefix);
    await using sluice = await producerOf(fleet, { egress });
    const responses = await sluice.gather(urls(upstream.url, 30));
    expect(responses.map(({ status }) => status)).toEqual(Array<number>(30).fill(200));
    const handle = await sluice.enqueue(`${upstream.url}/later`, { delay: 60_000 });
    await handle.cancel();
    await expect(handle.result()).rejects.toMatchObject({ code: 'SLUICE_CANCELLED' });
    expect(await upstream.arrivals()).toHaveLength(30);
  });

  test('its producers are served by the workers of today', async () => {
    await using upstream = await startUpstream();
    await using fleet = await openFleet(1);
    writeFileSync(
      join(folder, 'older-producer.mjs'),
      `import { connect } from 'sluice';
const { REDIS, PREFIX, UPSTREAM } = process.env;
const sluice = await connect({ redis: REDIS, prefix: PREFIX, queue: 'api', policy: { egress: { allow: ['127.0.0.0/8'] } } });
const urls = Array.from({ length: 30 }, (_, index) => UPSTREAM + '/item/' + index);
const responses = await sluice.gather(urls);
console.log(responses.map(({ status }) => status).join(' '));
await sluice.close();
`,
    );
    const producer = startCommand(process.execPath, ['older-producer.mjs'], {
      cwd: folder,
      env: { REDIS: inject('redisUrl'), PREFIX: fleet.prefix, UPSTREAM: upstream.url },
    });
    const { code, stdout, stderr } = await producer.exit();
    expect(stdout, stderr).toBe(`${Array<number>(30).fill(200).join(' ')}\n`);
    expect(code).toBe(0);
  });

  test('workers of both keep one rate together', async () => {
    await using upstream = await startUpstream();
    await using fleet = await openFleet(1, { SLUICE_CONCURRENCY: '20' });
    await using _ = await startOlder(fleet.prefix);
    const rate = { limit: 50, per: '1s', burst: 1, slack: 200 } as const;
    await using sluice = await producerOf(fleet, { rate, origin: upstream.url, egress });
    expect(await sluice.gather(urls(upstream.url, 200))).toHaveLength(200);
    const arrivals = await upstream.arrivals();
    expect(arrivals).toHaveLength(200);
    expect(
      worstWindow(
        arrivals.map(({ t }) => t),
        1000,
      ).count,
    ).toBeLessThanOrEqual(50);
    expect(await sluice.workers()).toHaveLength(2);
  });
});
