// for task in asyncio.as_completed(tasks): each as it ends, in bounded memory.
import { connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'as-completed', policy: { egress } });

const slowestFirst = [1200, 600, 0].map((ms) => `${upstream}/delay/${ms}`);
for await (const { index, outcome, body } of sluice.stream(slowestFirst)) {
  console.log(index, outcome.kind, Buffer.from(body).toString());
}

// A generator may yield a million specs: at most `inFlight` are held at once.
async function* many(): AsyncGenerator<string> {
  for (let n = 0; n < 500; n++) yield `${upstream}/item/${n}`;
}
let ended = 0;
for await (const { outcome } of sluice.stream(many(), { inFlight: 50 })) {
  if (outcome.kind === 'response') ended += 1;
}
console.log(ended);

// Output:
// 2 response {"delayedMs":0}
// 1 response {"delayedMs":600}
// 0 response {"delayedMs":1200}
// 500
