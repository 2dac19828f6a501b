import { expect, test } from 'vitest';
import { announceScript, encodeWorkerRecord } from '@sluice/shared';
import { bindScript } from '@sluice/redis';
import { ApiClient, type Sluice } from '../src/index.ts';
import { Rig, until } from '../../worker/test/rig.ts';

type Warning = Error & { code?: string };

/** The warnings of this process that no worker serves a queue. */
function warnings() {
  const seen: string[] = [];
  const listener = (warning: Warning) => {
    if (warning.code === 'SLUICE_NO_WORKER') seen.push(warning.message);
  };
  process.on('warning', listener);
  return {
    seen,
    of: (queue: string) => seen.filter((text) => text.includes(`"${queue}"`)),
    [Symbol.dispose]: () => void process.off('warning', listener),
  };
}

/** A queue with a name of its own: each is warned of once in a process. */
async function idle(name: string) {
  const rig = await Rig.open({ idle: true });
  await rig.sluice.policies.set(name, { egress: { allow: ['127.0.0.0/8'] } });
  return rig;
}

/** Ends when a queue that nobody serves was warned of: whatever was watched before has been looked at. */
async function oneLook(sluice: Sluice, queue: string, heard: ReturnType<typeof warnings>): Promise<void> {
  await sluice.policies.set(queue, {});
  const stop = new AbortController();
  const wait = sluice.fetch('https://example.com/', { queue, signal: stop.signal }).catch(() => {});
  await until(() => heard.of(queue).length > 0);
  stop.abort();
  await wait;
}

test('a fetch that no worker takes warns once, and says what to start', async () => {
  await using rig = await idle('forgotten');
  using heard = warnings();
  const stop = new AbortController();
  const init = { queue: 'forgotten', signal: stop.signal };
  const waits = [1, 2, 3].map((n) => rig.sluice.fetch(rig.url(`/${n}`), init).catch(() => {}));
  await until(() => heard.of('forgotten').length > 0);
  const [text] = heard.of('forgotten');
  expect(text).toContain('no worker has announced itself');
  expect(text).toContain('npx sluice-worker');
  expect(text).toContain('startWorker()');
  expect(text).toContain('Workers of 0.1 announce nothing');
  stop.abort();
  await Promise.all(waits);
  // Another queue is watched all over again; this one is not.
  const more = rig.sluice.fetch(rig.url('/4'), { queue: 'forgotten', deadline: Date.now() + 20_000 });
  more.catch(() => {});
  await oneLook(rig.sluice, 'later', heard);
  expect(heard.of('forgotten')).toHaveLength(1);
});

test('ApiClient, gather and an awaited handle warn, too; a worker of other queues is named', async () => {
  await using rig = await idle('handle');
  await rig.sluice.policies.set('gathered', {});
  await rig.startPool({ SLUICE_QUEUES: 'others' });
  using heard = warnings();
  await using api = new ApiClient({
    baseUrl: 'https://example.com',
    rate: 1000,
    per: '1s',
    sluice: rig.sluice,
    queue: 'api-client',
  });
  const signal = new AbortController();
  const waits: Promise<unknown>[] = [
    api.get('/x', { signal: signal.signal }),
    rig.sluice.gather(['https://example.com/'], { queue: 'gathered' }),
    (await rig.sluice.enqueue('https://example.com/', { queue: 'handle' })).result(),
  ];
  for (const wait of waits) wait.catch(() => {});
  for (const queue of ['api-client', 'gathered', 'handle']) await until(() => heard.of(queue).length > 0);
  expect(heard.of('handle')[0]).toContain('the one worker here serves other queues (others)');
  signal.abort();
  await expect(waits[0]).rejects.toMatchObject({ code: 'SLUICE_WAIT_ABORTED' });
});

test('nobody is warned of a queue that is served, paused, held, or waits for its rate, or of a job that is not due', async () => {
  await using rig = await idle('paused');
  const { sluice, redis, keys } = rig;
  using heard = warnings();
  for (const name of ['held', 'closed', 'served', 'taken', 'delayed']) await sluice.policies.set(name, {});
  await sluice.queues.pause('paused');
  await redis.zadd(keys.holds('held'), Date.now() + 3_600_000, 'https://example.com');
  await redis.set(keys.bull('closed').limiter, 1, 'PX', 3_600_000);
  const announce = bindScript(redis, keys, announceScript);
  const about = { id: 'w', pid: 1, version: '1.0.0', queues: ['served'], honours: [], since: 1 };
  const announced = setInterval(
    () => void announce(['w'], { id: 'w', json: encodeWorkerRecord(about) }),
    1000,
  );
  const stop = new AbortController();
  const fetch = (queue: string, spec: object = {}) =>
    sluice.fetch('https://example.com/', { queue, signal: stop.signal, ...spec }).catch(() => {});
  const waits = [
    ...['paused', 'held', 'closed', 'served'].map((queue) => fetch(queue)),
    fetch('delayed', { delayMs: 3_600_000 }),
    fetch('taken', { id: 'taken' }),
  ];
  await until(async () => (await redis.exists(keys.bull('taken').job('taken'))) === 1);
  await redis.hset(keys.bull('taken').job('taken'), 'ats', 1);
  // Watched after them, and warned of.
  await oneLook(sluice, 'control', heard);
  await oneLook(sluice, 'control-again', heard);
  expect(heard.seen).toHaveLength(2);
  clearInterval(announced);
  stop.abort();
  await Promise.all(waits);
});

test('a pause that ends does not hide that there is no worker', async () => {
  await using rig = await idle('resumed');
  using heard = warnings();
  await rig.sluice.queues.pause('resumed');
  const stop = new AbortController();
  const wait = rig.sluice.fetch(rig.url('/'), { queue: 'resumed', signal: stop.signal }).catch(() => {});
  await oneLook(rig.sluice, 'meanwhile', heard);
  expect(heard.of('resumed')).toEqual([]);
  await rig.sluice.queues.resume('resumed');
  await until(() => heard.of('resumed').length > 0);
  stop.abort();
  await wait;
});
