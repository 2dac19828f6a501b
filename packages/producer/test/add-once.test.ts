import { expect, test } from 'vitest';
import { normalSpecSchema } from '@sluice/shared';
import { Rig } from '../../worker/test/rig.ts';
import { addOnce, defineAdded } from '../src/enqueue/add-once.ts';
import { OpenQueues } from '../src/connection/open-queues.ts';
import { toJob } from '../src/enqueue/to-job.ts';

test('an add to a batch that is sent again after its answer was lost counts once, also when the job has ended', async () => {
  await using rig = await Rig.open();
  const { keys, queue } = rig;
  defineAdded(rig.redis);
  const queues = new OpenQueues(rig.redis, rig.prefix);
  const add = { queue: queues.get(queue), name: queue, keys, insist: () => true };
  const spec = normalSpecSchema.parse({ url: rig.url('/item/1') });
  const job = toJob(spec, { id: 'unnamed', now: Date.now(), batch: { name: 'b', index: 0 } });
  const batch = rig.sluice.batch('b');
  await rig.sluice.queues.pause(queue);
  expect(await addOnce(add, job, { batch: 'b' })).toBe(true);
  expect(await addOnce(add, job, { batch: 'b' })).toBe(false);
  await rig.sluice.queues.resume(queue);
  for await (const { outcome } of batch.results()) {
    expect(outcome.kind).toBe('response');
    break;
  }
  expect(await addOnce(add, job, { batch: 'b' })).toBe(false);
  expect(await batch.progress()).toMatchObject({ total: 1, ended: 1 });
  expect(await rig.upstream.arrivals()).toHaveLength(1);
  await queues.close();
});
