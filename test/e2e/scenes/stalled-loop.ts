import { expect } from 'vitest';
import type { Handle } from '../../../packages/producer/src/index.ts';
import { type HeldUpstream, startHeldUpstream } from '../../lab/faults/held-upstream.ts';
import type { Program } from '../../lab/processes.ts';
import { type Fleet, openFleet, unlock, until } from '../fleet.ts';

const env = { SLUICE_LOCK_DURATION: '5s', SLUICE_STALLED_INTERVAL: '1s', SLUICE_LOG_LEVEL: 'debug' };
export const queue = 'api';
const batch = 'all';
const policy = { egress: { allow: ['127.0.0.0/8'] } };

export type Scene = AsyncDisposable & {
  upstream: HeldUpstream;
  fleet: Fleet;
  handle: Handle;
  stopped: Program;
};

/** A job whose worker stands still with the request under way, until another worker has sent it again. */
export async function openScene(): Promise<Scene> {
  const scene = new AsyncDisposableStack();
  const upstream = scene.use(await startHeldUpstream());
  const fleet = scene.use(await openFleet(1, env));
  await fleet.client.policies.set(queue, policy);
  const handles: Handle[] = [];
  for await (const handle of fleet.client.enqueueMany([{ url: `${upstream.url}/`, id: 'job' }], {
    queue,
    batch,
  })) {
    handles.push(handle);
  }
  await until(() => upstream.requests.length === 1);
  const stopped = fleet.workers[0]!;
  await fleet.startWorker();
  stopped.signal('SIGSTOP');
  await unlock(fleet, queue);
  await until(() => upstream.requests.length === 2);
  return { upstream, fleet, handle: handles[0]!, stopped, [Symbol.asyncDispose]: () => scene.disposeAsync() };
}

/** The worker has taken another job, on its own: it has done what it had to do about the one before. */
export async function servesAgain({ fleet, upstream, stopped }: Scene): Promise<void> {
  const other = fleet.workers.find((worker) => worker !== stopped)!;
  other.signal('SIGTERM');
  expect((await other.exit()).code).toBe(0);
  upstream.answers = (path) => path === '/after';
  const after = await fleet.client.enqueue({ url: `${upstream.url}/after` }, { queue });
  expect((await after.outcome()).outcome).toMatchObject({ kind: 'response' });
}

/** Every outcome that was told of the job. */
export async function outcomesOf({ fleet }: Scene): Promise<string[]> {
  const texts: string[] = [];
  for await (const { body } of fleet.client.batch(batch).results())
    texts.push(new TextDecoder().decode(body));
  expect(await fleet.client.batch(batch).progress()).toMatchObject({ total: 1, ended: texts.length });
  return texts;
}
