import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../../packages/producer/src/index.ts';
import { startSentinelSet } from '../../lab/faults/sentinel.ts';
import { type OwnRedis, installedServer } from '../../lab/own-redis.ts';
import { runProgram } from '../../lab/processes.ts';
import { kinds, openGround, warnings } from './ground.ts';

/** Clients of a server that are not a Sentinel's, a replica's or this one. */
async function connections({ host, port }: OwnRedis): Promise<string[]> {
  const redis = new Redis({ host, port });
  const id = String(await redis.client('ID'));
  const lines = String(await redis.client('LIST', 'TYPE', 'NORMAL'))
    .trim()
    .split('\n');
  redis.disconnect();
  return lines.filter((line) => !line.startsWith(`id=${id} `) && !line.includes(' name=sentinel-'));
}

describe.skipIf(installedServer() === undefined)('behind Sentinel', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  beforeAll(() => void process.on('unhandledRejection', note));
  afterAll(() => {
    process.off('unhandledRejection', note);
    expect(unhandled.splice(0)).toEqual([]);
  });

  test.concurrent.each<[how: string, signal: NodeJS.Signals]>([
    ['killed', 'SIGKILL'],
    ['frozen', 'SIGSTOP'],
  ])(
    'a primary that is %s is replaced, and no job that the replica has is lost',
    async (_how, signal) => {
      await using ground = await openGround(startSentinelSet);
      const { set, workers } = ground;
      const before = await ground.enqueue('before', 400);
      await ground.flows();
      await set.replicated();
      const old = await set.primary();
      await old.kill(signal);
      // These wait for a primary, and are accepted by the new one.
      const during = ground.enqueue('during', 50);
      await set.elected(old);
      await ground.flows();
      expect(await kinds([...before, ...(await during)])).toEqual(['response']);

      // The old one comes back, as a replica; nobody goes on with it.
      if (signal === 'SIGKILL') await old.restart();
      else await old.kill('SIGCONT');
      await set.replicated();
      expect(await kinds(await ground.enqueue('after', 50))).toEqual(['response']);
      expect((await set.replica()).port).toBe(old.port);
      const list = await runProgram('packages/cli/src/main.ts', ['queue', 'list', '--redis', set.url]);
      expect(list).toMatchObject({ code: 0, stdout: expect.stringMatching(/^api /m) as string, stderr: '' });
      for (const worker of workers) {
        worker.signal('SIGTERM');
        const { code, stderr } = await worker.exit();
        expect(code, stderr).toBe(0);
        expect(warnings(stderr)).toEqual(['the connection to Redis is lost; reconnecting']);
      }
    },
    120_000,
  );

  test.concurrent('an ordered failover is followed at once, although the old primary lives on', async () => {
    // What ended on the old primary alone is still active on the new one, until its lock runs out.
    await using ground = await openGround(startSentinelSet, '5s');
    const { set } = ground;
    // Hears of failovers by itself: it has another URL.
    await using impatient = await connect({ redis: `${set.url}/0`, queue: 'api', whenDown: 'fail' });
    const before = await ground.enqueue('before', 400);
    await ground.flows();
    const old = await set.primary();
    await set.order();
    await set.elected(old);
    await ground.flows();
    expect(await connections(old)).toEqual([]);
    await impatient.enqueue(`${ground.upstream.url}/?impatient`);
    // These are the new primary's. (What the old one took after the new one had begun is lost.)
    expect(await kinds(await ground.enqueue('after', 50))).toEqual(['response']);
    expect(await kinds(before)).toEqual(['response']);
  }, 120_000);

  test.concurrent('an ordered failover loses at most what was in flight when a primary must have a replica: writes wait for one', async () => {
    await using ground = await openGround(() => startSentinelSet({ args: ['--min-replicas-to-write', '1'] }));
    const { set } = ground;
    const handles = await ground.enqueue('before', 300);
    let isOver = false;
    const load = (async () => {
      for (let n = 0; !isOver; n++) {
        handles.push(...(await ground.enqueue(`load${n}`, 1)));
        await sleep(20);
      }
    })();
    try {
      await ground.flows();
      const old = await set.primary();
      await set.order();
      await set.elected(old);
      // With two servers the new primary has no replica before the old one follows it.
      await set.replicated();
      await ground.flows();
    } finally {
      isOver = true;
      await load;
    }
    const ends = await Promise.allSettled(handles.map((handle) => handle.outcome()));
    const lost = ends.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    // Accepted in the moment of the promotion; its caller is told.
    expect(lost.length).toBeLessThanOrEqual(1);
    for (const { reason } of lost) expect(reason).toMatchObject({ code: 'SLUICE_RESULT_EXPIRED' });
  }, 180_000);
});
