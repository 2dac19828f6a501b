// The retry loop around a 429: you need none. The queue holds the origin, and retries when it may.
import { connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'retry-429', policy: { egress } });

// Rejects once with Retry-After: 1, then answers.
const start = performance.now();
const response = await sluice.fetch(`${upstream}/status/429?times=1&retryAfter=1`);
console.log(response.status, 'after', response.attempts, 'attempts');
console.log(performance.now() - start >= 1000 ? 'and the second it was asked to wait' : 'too early');
console.log(await sluice.queues.stats('retry-429'));

// Output:
// 200 after 2 attempts
// and the second it was asked to wait
// { sent: 2, rejected: 1 }
