// queue.put() here, queue.get() there: a named batch outlives the process that filled it.
import { connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

async function put(): Promise<void> {
  await using sluice = await connect({ redis, queue: 'queue', policy: { egress } });
  const urls = [1, 2, 3, 4].map((n) => `${upstream}/item/${n}`);
  for await (const handle of sluice.enqueueMany(urls, { batch: 'nightly' })) void handle.id;
}

// Another process, later; then a third, which reads on where that one stopped.
async function get(count: number, cursor = '0-0'): Promise<{ seen: number[]; cursor: string }> {
  await using sluice = await connect({ redis, queue: 'queue' });
  const seen: number[] = [];
  for await (const item of sluice.batch('nightly').results({ cursor })) {
    seen.push(item.index);
    cursor = item.cursor;
    if (seen.length === count) break;
  }
  return { seen, cursor };
}

await put();
const first = await get(2);
const rest = await get(Number.POSITIVE_INFINITY, first.cursor);
console.log(first.seen.length, 'and', rest.seen.length);
console.log([...first.seen, ...rest.seen].sort((a, b) => a - b));

await using sluice = await connect({ redis, queue: 'queue' });
console.log(await sluice.batch('nightly').progress());
await sluice.batch('nightly').remove();

// Output:
// 2 and 2
// [ 0, 1, 2, 3 ]
// { total: 4, ended: 4, failed: 0, sealed: true }
