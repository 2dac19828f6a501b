// await asyncio.to_thread(parse, body): heavy parsing on the worker's threads. Only its result travels.
import { type SluiceError, connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'to-thread', policy: { egress } });

// The worker knows it as SLUICE_TRANSFORMS=total=examples/asyncio/transforms/total.ts
const response = await sluice.fetch(`${upstream}/json`, { transform: 'total', meta: 'EUR' });
console.log(response.status, response.value<{ total: number; unit: string }>());

// If it throws, that is an outcome. So is a name that no worker knows.
const say = (error: SluiceError) => console.log(error.code);
await sluice.fetch(`${upstream}/delay/0`, { transform: 'total' }).catch(say);
await sluice.fetch(`${upstream}/json`, { transform: 'totla' }).catch(say);

// Output:
// 200 { total: 6, unit: 'EUR' }
// SLUICE_TRANSFORM
// SLUICE_UNKNOWN_TRANSFORM
