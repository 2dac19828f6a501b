// async with semaphore, limiter: so many at once, so many per second. The queue's policy has both.
import { connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

const policy = { rate: '20/1s', concurrency: { global: 2 }, egress };
await using sluice = await connect({ redis, queue: 'semaphore-and-limiter', policy });

const start = performance.now();
let answers = 0;
for await (const { outcome } of sluice.stream(
  Array.from({ length: 10 }, (_, n) => `${upstream}/delay/${200 + n}`),
)) {
  if (outcome.response?.status === 200) answers += 1;
}
const seconds = (performance.now() - start) / 1000;
console.log(answers, 'answers');
console.log(seconds >= 1 ? 'two at a time' : 'too many at once');

// Output:
// 10 answers
// two at a time
