import { JobError } from '../src/index.ts';
import { connect } from '../src/connect.ts';
import { expect, inject, test } from 'vitest';
import { Rig, until } from '../../worker/test/rig.ts';

test('whoever awaits a job of a queue that is removed is told, in every process, wherever the job is', async () => {
  await using rig = await Rig.open({ idle: true, policy: { concurrency: { worker: 5 } } });
  const { sluice, queue } = rig;
  const other = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => other.close());
  await rig.startPool();

  const active = await Promise.all(Array.from({ length: 5 }, () => sluice.enqueue(rig.url('/hang'))));
  await rig.arrived(5);
  const waiting = await Promise.all(Array.from({ length: 100 }, (_, n) => sluice.enqueue(rig.url(`/?${n}`))));
  const delayed = await other.enqueue({ url: rig.url('/'), delayMs: 3_600_000 });
  const urgent = await other.enqueue({ url: rig.url('/'), priority: 7, id: 'named' });
  const watched = sluice.job(delayed.id, { queue });
  const fetched = other.fetch(rig.url('/')).catch((error: unknown) => error);
  const gathered = other.gather([rig.url('/a'), rig.url('/b')]).catch((error: unknown) => error);
  const batched = sluice.batch('b');
  const adding = (async () => {
    for await (const _ of sluice.enqueueMany([rig.url('/c'), rig.url('/d')], { queue, batch: 'b' })) {
      // Only added.
    }
  })();
  await adding;
  await until(async () => (await rig.redis.llen(rig.keys.bull(queue).wait)) >= 105);

  const handles = [...active, ...waiting, delayed, urgent, watched];
  const outcomes = handles.map(async (handle) => (await handle.outcome()).outcome.kind);
  // The watch of a job of another process must stand.
  await until(async () => (await rig.redis.exists(rig.keys.watchers(queue, delayed.id))) === 1);
  await sluice.queues.remove(queue);
  expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['cancelled']));
  expect(await fetched).toBeInstanceOf(JobError);
  expect(await gathered).toBeInstanceOf(Error);
  const kinds: string[] = [];
  for await (const { outcome } of batched.results()) kinds.push(outcome.kind);
  expect(kinds).toEqual(['cancelled', 'cancelled']);

  // Under the same name there is another queue now: nothing of the old one ends its jobs.
  await sluice.policies.set(queue, { egress: { allow: ['127.0.0.0/8'] } });
  const again = await other.enqueue({ url: rig.url('/json'), id: 'named' }, { queue });
  expect((await again.outcome()).outcome.kind).toBe('response');
});
