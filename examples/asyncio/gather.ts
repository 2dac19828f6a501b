// asyncio.gather(*aws), with and without return_exceptions=True.
import { type JobError, connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'gather', policy: { egress } });

const urls = [300, 100, 200].map((ms) => `${upstream}/delay/${ms}`);
const responses = await sluice.gather(urls);
for (const response of responses) console.log(response.text());

const failing = { url: `${upstream}/status/500`, attempts: 1 };
await sluice.gather([...urls, failing]).catch((error: JobError) => console.log(error.code));

const results = await sluice.gather([...urls, failing], { settled: true });
for (const result of results) console.log(result.status);

// Output:
// {"delayedMs":300}
// {"delayedMs":100}
// {"delayedMs":200}
// SLUICE_HTTP_ERROR
// fulfilled
// fulfilled
// fulfilled
// rejected
