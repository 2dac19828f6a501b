import { expect, inject, test } from 'vitest';
import { type TcpProxy, startTcpProxy } from '../../../test/lab/faults/tcp-proxy.ts';
import { readWorkerConfig } from '../src/config.ts';
import { createLogger } from '../src/logger.ts';
import { startPool } from '../src/pool.ts';
import { Rig, until } from './rig.ts';

/** A worker that reaches Redis through a proxy. @returns the proxy, and the worker's warnings */
async function startBehindProxy(
  rig: Rig,
  stack: AsyncDisposableStack,
): Promise<{ proxy: TcpProxy; warnings: string[] }> {
  const { hostname, port } = new URL(inject('redisUrl'));
  const proxy = stack.use(await startTcpProxy({ host: hostname, port: Number(port) }));
  const config = readWorkerConfig({
    SLUICE_REDIS_URL: `redis://${proxy.host}:${proxy.port}`,
    SLUICE_PREFIX: rig.prefix,
  });
  const warnings: string[] = [];
  const note = (...told: unknown[]) => void warnings.push(told.map(String).join(' '));
  const log = Object.assign(createLogger('test', 'silent'), { warn: note, error: note });
  const pool = await startPool(config, log);
  stack.defer(async () => void (await pool.drain(0)));
  return { proxy, warnings };
}

// The connection sends a command again whose answer was lost; it has been obeyed by then.
test.each([
  ['completed', '/json', 'response'],
  ['failed', '/status/500', 'http-error'],
] as const)(
  'when Redis has noted that a job is %s and its answer is lost, the job ends once and nobody is alarmed',
  async (set, path, kind) => {
    await using rig = await Rig.open({ idle: true });
    await using stack = new AsyncDisposableStack();
    const { proxy, warnings } = await startBehindProxy(rig, stack);
    const lost = proxy.loseAnswer('the-job', `:${rig.queue}:${set}`);
    const handle = await rig.sluice.enqueue({ url: rig.url(path), id: 'the-job', attempts: 1 });
    await lost;
    expect((await handle.outcome()).outcome).toMatchObject({ kind, attempts: 1 });
    expect((await rig.end('/item/1')).outcome.kind).toBe('response');
    await until(async () => (await rig.bull.getJobCountByTypes('active', 'delayed')) === 0);
    expect(await rig.seen()).toHaveLength(2);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('the connection to Redis is lost');
  },
);

test('when an attempt was marked and the answer was lost, it is made, once', async () => {
  await using rig = await Rig.open({ idle: true, policy: { delivery: 'at-most-once' } });
  await using stack = new AsyncDisposableStack();
  const { proxy } = await startBehindProxy(rig, stack);
  // The first use of a script is refused, and sent in another way.
  await rig.end('/item/1', { method: 'POST' });
  const lost = proxy.loseAnswer(rig.keys.sent(rig.queue, 'the-job'));
  const handle = await rig.sluice.enqueue({ url: rig.url('/json'), method: 'POST', id: 'the-job' });
  await lost;
  expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
  expect(await rig.seen()).toEqual(['POST /item/1', 'POST /json']);
});
