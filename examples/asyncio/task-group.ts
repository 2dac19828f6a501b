// async with asyncio.TaskGroup() as tg: all or none, on every machine.
import { connect } from '@sluice/producer';
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
    hangs.catch((error: Error) => console.log('the sibling:', error.message));
    void group.fetch(`${upstream}/status/500`, { attempts: 1 });
  });
} catch (error) {
  for (const cause of (error as AggregateError).errors) console.log('the group:', cause.message);
}

// Output:
// [ 200, 200 ]
// the sibling: the job was cancelled
// the group: the upstream answered 500 to attempt 1 (the last attempt)
