// AsyncLimiter(5, 1) of aiolimiter: five in any second, for all processes together.
import { connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'rate-limiter', policy: { rate: '5/1s', egress } });
const urls = Array.from({ length: 10 }, (_, n) => `${upstream}/item/${n}`);

// Five at once, as with AsyncLimiter. Unlike there, no window of one second ever holds more than five.
const start = performance.now();
await sluice.gather(urls);
console.log('burst:', performance.now() - start > 1000 ? 'five, and five more a second later' : 'too fast');

// One every fifth of a second, for an upstream that dislikes bursts.
const even = { rate: { limit: 5, per: '1s', burst: 1 }, egress };
await sluice.policies.create('rate-limiter-even', even);
const evenStart = performance.now();
await sluice.gather(urls, { queue: 'rate-limiter-even' });
console.log('even:', performance.now() - evenStart > 1700 ? 'spread over two seconds' : 'too fast');

// Output:
// burst: five, and five more a second later
// even: spread over two seconds
