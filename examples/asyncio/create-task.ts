// asyncio.create_task(fetch(url)): a handle now, the result later, here or elsewhere.
import { connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'create-task', policy: { egress } });

const task = await sluice.enqueue(`${upstream}/delay/200`);
console.log('accepted');
console.log((await task.result()).text());
console.log(await task.status());

// In another process, on another day, the id is enough.
await using elsewhere = await connect({ redis, queue: 'create-task' });
const same = elsewhere.job(task.id);
console.log((await same.result()).text());

const tomorrow = await sluice.enqueue({ url: `${upstream}/json`, delay: '1d' });
console.log(await tomorrow.status());
console.log(await tomorrow.cancel());
console.log(await task.cancel());

// Output:
// accepted
// {"delayedMs":200}
// completed
// {"delayedMs":200}
// delayed
// cancelled
// ended
