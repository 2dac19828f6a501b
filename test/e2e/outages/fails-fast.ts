import { expect } from 'vitest';
import type { Handle, Sluice } from '../../../packages/producer/src/index.ts';
import { drained } from '../fleet.ts';
import type { ShakyFleet } from './shaky-fleet.ts';

/** Every kind of call that needs Redis. @param handle of a job that has not ended */
export function callsOf(client: Sluice, handle: Handle, url: string): Record<string, () => Promise<unknown>> {
  return {
    enqueue: () => client.enqueue(url),
    'enqueue with an id': () => client.enqueue({ url, id: 'mine' }),
    'enqueue to a queue never used before': () => client.enqueue(url, { queue: 'other' }),
    fetch: () => client.fetch(url),
    result: () => handle.result(),
    'result of a job by its id': () => client.job(handle.id).result(),
    status: () => handle.status(),
    cancel: () => handle.cancel(),
    'enqueueMany into a batch': () => drained(client.enqueueMany([url], { batch: 'b' })),
    'progress of a batch': () => client.batch('b').progress(),
    'results of a batch': () => drained(client.batch('b').results()),
    'policies.read': () => client.policies.read('api'),
    'policies.set': () => client.policies.set('other', {}),
    'queues.list': () => client.queues.list(),
    'queues.show': () => client.queues.show('api'),
    'queues.pause': () => client.queues.pause('api'),
    'queues.release': () => client.queues.release('api'),
    'dead.list': () => client.dead.list('api'),
    'dead.redrive': () => client.dead.redrive('api', { all: true }),
    'queues.stats': () => client.queues.stats('api'),
    semaphore: () => client.semaphore('s', 1).acquire(),
  };
}

/** Every call is refused while Redis is away, by the error that says so. */
export async function expectFailsFast(client: Sluice, handle: Handle, url: string): Promise<void> {
  await Promise.all(
    Object.entries(callsOf(client, handle, url)).map(([name, call]) =>
      expect(call(), name).rejects.toMatchObject({ code: 'SLUICE_REDIS_UNREACHABLE' }),
    ),
  );
}

/**
 * A client that would rather fail, with a job under way whose outcome is awaited, is told when the outage begins; so is
 * every other call of it.
 */
export async function expectTold(fleet: ShakyFleet, begin: () => Promise<void> | void): Promise<Sluice> {
  const { url } = fleet.upstream;
  const client = await fleet.connect({ whenDown: 'fail' });
  const handle = await client.enqueue(`${url}/hang`);
  const pending = handle.result();
  await begin();
  await expect(pending).rejects.toMatchObject({ code: 'SLUICE_REDIS_UNREACHABLE' });
  await expectFailsFast(client, handle, url);
  return client;
}
