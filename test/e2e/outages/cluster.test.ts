import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Handle, connect } from '../../../packages/producer/src/index.ts';
import { keysOf, trimFailedScript } from '../../../packages/shared/src/index.ts';
import { startCluster } from '../../lab/faults/cluster.ts';
import { freePort } from '../../lab/free-port.ts';
import { type OwnRedis, installedServer, startOwnRedis } from '../../lab/own-redis.ts';
import { runProgram } from '../../lab/processes.ts';
import { type Ground, kinds, openGround, warnings } from './ground.ts';

const prefix = '{sluice}';
const lost = 'the connection to Redis is lost; reconnecting';
const refused = 'Redis is unavailable for now; commands wait';

/** Enqueues a job every 20 ms until it is disposed of, every other with an id; all that were accepted. */
function load<Set>({ client, upstream }: Ground<Set>): AsyncDisposable & { handles: Handle[] } {
  const handles: Handle[] = [];
  let isOver = false;
  const running = (async () => {
    for (let n = 0; !isOver; n++) {
      const url = `${upstream.url}/?load=${n}`;
      handles.push(await client.enqueue({ url, ...(n % 2 === 0 && { id: `load-${n}` }) }));
      await sleep(20);
    }
  })();
  return {
    handles,
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      await running;
    },
  };
}

/** How often each request arrived, each number once. */
async function repeats<Set>({ upstream }: Ground<Set>): Promise<number[]> {
  const times = new Map<string, number>();
  for (const { path } of await upstream.arrivals()) times.set(path, (times.get(path) ?? 0) + 1);
  return [...new Set(times.values())];
}

/** What the workers logged, when they have ended. */
async function ends<Set>({ workers }: Ground<Set>): Promise<string[]> {
  const told = await Promise.all(
    workers.map(async (worker) => {
      worker.signal('SIGTERM');
      const { code, stderr } = await worker.exit();
      expect(code, stderr).toBe(0);
      return warnings(stderr);
    }),
  );
  return told.flat();
}

async function zadd({ host, port }: OwnRedis, key: string, member: string): Promise<void> {
  const redis = new Redis({ host, port });
  await redis.zadd(key, 1, member);
  redis.disconnect();
}

/** Trims the failed jobs of a node that is giving their slot away, while the hash of the one that is listed is not here. @returns how many are listed then */
async function trimmed({ host, port }: OwnRedis): Promise<number> {
  const redis = new Redis({ host, port });
  const { failed, job } = keysOf(prefix).bull('other');
  try {
    await redis.eval(trimFailedScript.lua, 1, failed, job(''), Date.now(), 0, 10).catch(() => {});
    return await redis.zcard(failed);
  } finally {
    redis.disconnect();
  }
}

describe.skipIf(installedServer() === undefined)('in a Cluster', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  beforeAll(() => void process.on('unhandledRejection', note));
  afterAll(() => {
    process.off('unhandledRejection', note);
    expect(unhandled.splice(0)).toEqual([]);
  });

  test.each<[how: string, signal: NodeJS.Signals]>([
    ['killed', 'SIGKILL'],
    ['frozen', 'SIGSTOP'],
  ])(
    'a primary that is %s is replaced, and no job that the replica has is lost',
    async (_how, signal) => {
      await using ground = await openGround(startCluster);
      const { set, upstream } = ground;
      await using impatient = await connect({ redis: set.url, queue: 'api', whenDown: 'fail' });
      const slot = await set.slotOf(prefix);
      const before = await ground.enqueue('before', 400);
      await ground.flows();
      const old = await set.owner(slot);
      await set.replicated(old);
      await old.kill(signal);
      // These wait for a primary, and are accepted by the new one.
      const during = ground.enqueue('during', 50);
      const failing = impatient.enqueue(`${upstream.url}/?impatient`);
      await expect(failing).rejects.toMatchObject({ code: 'SLUICE_REDIS_UNREACHABLE' });
      await set.elected(slot, old);
      await ground.flows();
      await impatient.enqueue(`${upstream.url}/?impatient`);
      expect(await kinds([...before, ...(await during)])).toEqual(['response']);

      // The old one comes back, as a replica; nobody goes on with it.
      if (signal === 'SIGKILL') await old.restart();
      else await old.kill('SIGCONT');
      const now = await set.owner(slot);
      expect(now).not.toBe(old);
      await set.replicated(now);
      expect(await kinds(await ground.enqueue('after', 50))).toEqual(['response']);
      const list = await runProgram('packages/cli/src/main.ts', ['queue', 'list', '--redis', set.url]);
      expect(list).toMatchObject({ code: 0, stdout: expect.stringMatching(/^api /m) as string, stderr: '' });
      expect(new Set(await ends(ground))).toEqual(new Set([lost]));
    },
    120_000,
  );

  test('an ordered failover loses nothing that was accepted, and is followed at once', async () => {
    await using ground = await openGround(startCluster);
    const { set } = ground;
    const slot = await set.slotOf(prefix);
    const handles = await ground.enqueue('before', 200);
    const old = await set.owner(slot);
    {
      await using during = load(ground);
      await ground.flows();
      await set.order(old);
      await set.elected(slot, old);
      await ground.flows();
      handles.push(...during.handles);
    }
    expect(await kinds(handles)).toEqual(['response']);
    expect(await repeats(ground)).toEqual([1]);
    const told = await ends(ground);
    expect(told.filter((message) => ![lost, refused].includes(message))).toEqual([]);
  }, 120_000);

  test('a slot that is moved to another node is followed: jobs wait while its keys are on two nodes', async () => {
    await using ground = await openGround(startCluster);
    const { set } = ground;
    const slot = await set.slotOf(prefix);
    const handles = await ground.enqueue('before', 400);
    const [from, to] = [await set.owner(slot), await set.otherPrimary(slot)];
    let kept: number | undefined;
    await zadd(from, keysOf(prefix).bull('other').failed, 'gone');
    {
      await using during = load(ground);
      await ground.flows();
      await set.move(slot, from, to, async (moved) => {
        if (moved === 0) kept = await trimmed(from);
        // Longer than it takes to be refused, and to ask again.
        await sleep(600);
      });
      expect(kept, 'a failed job is not forgotten while its hash is at another node').toBe(1);
      expect(await set.owner(slot)).toBe(to);
      await ground.flows();
      handles.push(...during.handles);
    }
    expect(await kinds(handles)).toEqual(['response']);
    expect(await repeats(ground)).toEqual([1]);
    const told = await ends(ground);
    expect(told.filter((message) => ![lost, refused].includes(message))).toEqual([]);
  }, 120_000);

  test('what cannot work is an error at once, with what to do', async () => {
    const bus = String(await freePort());
    await using node = await startOwnRedis(['--cluster-enabled', 'yes', '--cluster-port', bus]);
    await using single = await startOwnRedis();
    const cluster = (...servers: OwnRedis[]) =>
      `redis+cluster://${servers.map(({ host, port }) => `${host}:${port}`).join(',')}`;
    const refusal = (text: string) => ({
      code: 'SLUICE_REDIS_UNREACHABLE',
      message: expect.stringContaining(text) as string,
    });
    await expect(connect({ redis: node.url })).rejects.toMatchObject(refusal('write redis+cluster://'));
    await expect(connect({ redis: cluster(single) })).rejects.toMatchObject(refusal('write redis://'));
    await expect(connect({ redis: cluster(node) })).rejects.toMatchObject(refusal('no node serves slot'));
    await single.kill();
    await expect(connect({ redis: cluster(single) })).rejects.toMatchObject(refusal('does not answer'));
    const told = await runProgram('packages/cli/src/main.ts', ['queue', 'list', '--redis', node.url]);
    expect(told).toMatchObject({ code: 1, stderr: expect.stringContaining('redis+cluster://') as string });
  }, 60_000);
});
