import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keysOf } from '@sluice/shared';
import { ApiClient, type ConnectOptions, type Sluice, connect } from '../src/index.ts';
import { installedServer, startOwnRedis } from '../../../test/lab/own-redis.ts';
import { until } from '../../worker/test/rig.ts';

const url = 'https://example.com/';
const queue = 'q';
const aborted = { code: 'SLUICE_WAIT_ABORTED' };
const soon = () => AbortSignal.timeout(300);

/** A negative or an overlong timer is a fault of ours. */
const warnings: string[] = [];
const listener = ({ name, message }: Error) => {
  if (name.startsWith('Timeout')) warnings.push(message);
};
beforeEach(() => void process.on('warning', listener));
afterEach(() => {
  process.off('warning', listener);
  expect(warnings.splice(0)).toEqual([]);
});

async function drained(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of items);
}

/** A client that waits for its Redis, and the Redis; closing waits for neither. */
async function scene(options: ConnectOptions = {}) {
  const stack = new AsyncDisposableStack();
  const redis = stack.use(await startOwnRedis());
  const client = stack.use(await connect({ redis: redis.url, queue, policy: {}, ...options }));
  return { redis, client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Every wait that a signal bounds. */
async function waits(client: Sluice): Promise<Record<string, () => Promise<unknown>>> {
  const handle = await client.enqueue(url);
  const { id } = handle;
  const api = new ApiClient({ baseUrl: url, rate: 1, per: 1, sluice: client, queue: 'api' });
  return {
    fetch: () => client.fetch(url, { signal: soon() }),
    'fetch, job kept': () => client.fetch(url, { signal: soon(), keep: true }),
    'fetch with a deadline that is later': () =>
      client.fetch(url, { signal: soon(), deadline: Date.now() + 3_600_000 }),
    'ApiClient.get': () => api.get('/x', { signal: soon() }),
    enqueue: () => client.enqueue(url, { signal: soon() }),
    'enqueue with an id': () => client.enqueue({ url, id: 'mine' }, { signal: soon() }),
    'enqueueMany into a batch': () => drained(client.enqueueMany([url], { batch: 'b', signal: soon() })),
    result: () => handle.result({ signal: soon() }),
    outcome: () => handle.outcome({ signal: soon() }),
    cancel: () => handle.cancel({ signal: soon() }),
    status: () => handle.status({ signal: soon() }),
    'result of a job by its id': () => client.job(id).result({ signal: soon() }),
    'cancel of a job by its id': () => client.job(id).cancel({ signal: soon() }),
    semaphore: () => client.semaphore('s', 1).acquire({ signal: soon() }),
  };
}

// None of these ends by itself: Redis is away until the end of the test.
describe.skipIf(!installedServer()).each<NodeJS.Signals>(['SIGSTOP', 'SIGKILL'])(
  'while Redis is away (%s), and calls wait for it,',
  (how) => {
    test('a signal ends every wait', async () => {
      await using away = await scene();
      const calls = await waits(away.client);
      await away.redis.kill(how);
      await Promise.all(
        Object.entries(calls).map(([name, call]) => expect(call(), name).rejects.toMatchObject(aborted)),
      );
      // These end without an error, as always.
      await drained(away.client.batch('b').results({ signal: soon() }));
    });

    test('a deadline ends the waits of its job', async () => {
      await using away = await scene();
      const { client } = away;
      const later = () => Date.now() + 1500;
      const accepted = await client.enqueue({ url, deadline: later() });
      const outcome = accepted.outcome();
      outcome.catch(() => {});
      await away.redis.kill(how);
      const group = client.group(async (group) => void (await group.fetch(url, { deadline: later() })));
      const unreachable = { code: 'SLUICE_REDIS_UNREACHABLE' };
      await Promise.all([
        expect(client.fetch(url, { deadline: later() })).rejects.toMatchObject(unreachable),
        expect(client.enqueue({ url, deadline: later() })).rejects.toMatchObject(unreachable),
        expect(client.enqueue({ url, deadline: later(), id: 'mine' })).rejects.toMatchObject(unreachable),
        expect(outcome).rejects.toMatchObject(unreachable),
        expect(accepted.result()).rejects.toMatchObject(unreachable),
        expect(group).rejects.toMatchObject({ errors: [expect.objectContaining(unreachable)] }),
      ]);
    });

    test('so does the default deadline of fetch', async () => {
      await using away = await scene({ fetchDeadlineMs: 500 });
      await away.redis.kill(how);
      await expect(away.client.fetch(url)).rejects.toMatchObject({ code: 'SLUICE_REDIS_UNREACHABLE' });
    });
  },
);

describe.skipIf(!installedServer())('a Redis that does not answer', () => {
  test('is not waited for by a connect with a signal', async () => {
    await using redis = await startOwnRedis();
    await redis.kill('SIGSTOP');
    await expect(connect({ redis: redis.url, signal: soon() })).rejects.toMatchObject(aborted);
    await redis.kill('SIGCONT');
    // What connected after all is closed.
    const watch = new Redis(redis.url);
    const others = async () =>
      String(await watch.client('LIST'))
        .trim()
        .split('\n').length - 1;
    await until(async () => (await others()) === 0);
    watch.disconnect();
  });

  test('and accepts a job after its caller has stopped waiting: the job is cancelled, unless it is kept', async () => {
    await using away = await scene();
    const { client, redis } = away;
    const { eventStream } = keysOf('{sluice}').bull(queue);
    const watch = new Redis(redis.url);
    const added = async () =>
      (await watch.xrange(eventStream, '-', '+')).filter(([, fields]) => fields.includes('added')).length;
    // The names of the queues are known, so that nothing but the add is under way.
    await client.enqueue(url);
    await redis.kill('SIGSTOP');
    const calls = [
      client.enqueue(url, { signal: soon() }),
      client.fetch(url, { signal: soon() }),
      client.fetch(url, { signal: soon(), keep: true }),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject(aborted);
    await redis.kill('SIGCONT');
    await until(async () => (await added()) === 4);
    await until(async () => (await client.queues.show(queue)).counts.waiting === 2);
    watch.disconnect();
  });
});

test.skipIf(!installedServer())('a deadline beyond the longest timer is no fault', async () => {
  await using here = await scene();
  const handle = await here.client.enqueue({ url, deadline: Date.now() + 60 * 86_400_000 });
  await expect(handle.result({ signal: soon() })).rejects.toMatchObject(aborted);
  await using patient = await connect({ redis: here.redis.url, queue, fetchDeadlineMs: 60 * 86_400_000 });
  await expect(patient.fetch(url, { signal: soon() })).rejects.toMatchObject(aborted);
});
