// asyncio.Semaphore(n): so many at once, in the whole fleet.
import { connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

// For requests: the queue's concurrency, per worker process and over all of them.
const policy = { egress, concurrency: { worker: 10, global: 3 } };
await using sluice = await connect({ redis, queue: 'semaphore', policy });
const responses = await sluice.gather(Array.from({ length: 9 }, () => `${upstream}/delay/100`));
console.log(responses.length, 'responses, three at a time');

// For the caller's own sections, in any processes: a lease, which expires if its holder dies.
const reports = sluice.semaphore('reports', 2);
let inside = 0;
let most = 0;
async function report(): Promise<void> {
  await using _lease = await reports.acquire();
  inside += 1;
  most = Math.max(most, inside);
  await sluice.fetch(`${upstream}/delay/50`);
  inside -= 1;
}
await Promise.all(Array.from({ length: 6 }, report));
console.log(most, 'reports at once');

// Output:
// 9 responses, three at a time
// 2 reports at once
