// async with asyncio.TaskGroup() as tg: all or none, on every machine.
import { type JobError, connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'task-group', policy: { egress } });

const statuses = await sluice.group(async (group) => {
  const one = group.fetch(`${upstream}/json`);
  const two = group.fetch(`${upstream}/delay/100`);
  return [(await one).status, (await two).status];
});
console.log(statuses);

try {
  await sluice.group(async (group) => {
    const hangs = group.fetch(`${upstream}/hang`);
    hangs.catch((error: JobError) => console.log('the sibling:', error.code));
    void group.fetch(`${upstream}/status/500`, { attempts: 1 });
  });
} catch (error) {
  for (const cause of (error as AggregateError).errors) console.log('the group:', cause.code);
}

// Output:
// [ 200, 200 ]
// the sibling: SLUICE_CANCELLED
// the group: SLUICE_HTTP_ERROR
