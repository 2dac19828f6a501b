// asyncio.wait_for(aw, t) and asyncio.timeout(t): three clocks: for one attempt, for the job, for the wait.
import { type SluiceError, connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'timeout', policy: { egress } });
const say = (error: SluiceError) => console.log(error.code);

// One attempt, from its permit to the last byte. A retry gets the same time again.
await sluice.fetch(`${upstream}/hang`, { timeout: '200ms', attempts: 1 }).catch(say);

// The job with all its attempts, including its wait in the queue.
await sluice.fetch(`${upstream}/json`, { delay: '1m', deadline: '500ms' }).catch(say);

// This caller's wait. The job is cancelled, and the request in flight is aborted …
const slow = await sluice.enqueue(`${upstream}/delay/1000`);
await slow.result({ signal: AbortSignal.timeout(200), cancel: true }).catch(say);
await slow.result().catch(say);

// … unless the caller keeps it.
const kept = await sluice.enqueue(`${upstream}/delay/1000`);
await kept.result({ signal: AbortSignal.timeout(200) }).catch(say);
console.log((await kept.result()).status);

// Output:
// SLUICE_TIMEOUT
// SLUICE_EXPIRED
// SLUICE_WAIT_ABORTED
// SLUICE_CANCELLED
// SLUICE_WAIT_ABORTED
// 200
