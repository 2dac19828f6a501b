// asyncio.wait_for(aw, t) and asyncio.timeout(t): three clocks, for one attempt, for the job, for the waiting.
import { type SluiceError, connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'timeout', policy: { egress } });
const say = (error: SluiceError) => console.log(error.code);

// One attempt, from its permit to the last byte. A retry gets as much again.
await sluice.fetch(`${upstream}/hang`, { timeoutMs: 200, attempts: 1 }).catch(say);

// The job with all its attempts, the waiting in the queue included.
await sluice.fetch(`${upstream}/json`, { delayMs: 60_000, deadline: Date.now() + 500 }).catch(say);

// The waiting of this caller. The job is cancelled, and the request that runs is aborted …
const slow = await sluice.enqueue(`${upstream}/delay/1000`);
await slow.result({ signal: AbortSignal.timeout(200) }).catch(say);
await slow.result().catch(say);

// … unless it is told to go on.
const kept = await sluice.enqueue(`${upstream}/delay/1000`);
await kept.result({ signal: AbortSignal.timeout(200), keep: true }).catch(say);
console.log((await kept.result()).status);

// Output:
// SLUICE_TIMEOUT
// SLUICE_EXPIRED
// SLUICE_WAIT_ABORTED
// SLUICE_CANCELLED
// SLUICE_WAIT_ABORTED
// 200
