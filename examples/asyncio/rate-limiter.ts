// AsyncLimiter(5, 1) of aiolimiter: five in any second, for all processes together.
import { connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'rate-limiter', policy: { rate: '5/1s', egress } });
const urls = Array.from({ length: 10 }, (_, n) => `${upstream}/item/${n}`);

// Smooth: one every fifth of a second, so no window of one second ever holds more than five.
const start = performance.now();
await sluice.gather(urls);
console.log('smooth:', performance.now() - start > 1700 ? 'spread over two seconds' : 'too fast');

// Burst, as aiolimiter does it: five at once when a window opens, so up to ten in a second around its edge.
const burst = { rate: { limit: 5, per: '1s', shape: 'burst' as const }, egress };
await sluice.policies.create('rate-limiter-burst', burst);
const responses = await sluice.gather(urls, { queue: 'rate-limiter-burst' });
console.log('burst:', responses.length, 'responses');

// Output:
// smooth: spread over two seconds
// burst: 10 responses
