// Sluice as its users write it: every outcome comes back to the producer. Its worker is the real worker process.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@sluice/producer';
import { serveProducer } from './serve.ts';
import { check, readSetting, urls } from './task.ts';

const { redisUrl, queue, queues = 1, upstreamUrl, inFlight } = readSetting();
const policy = { egress: { allow: ['127.0.0.0/8'] } };
const sluice = await connect({ redis: redisUrl, queue, policy });
const names = Array.from({ length: queues }, (_, n) => (n === 0 ? queue : `${queue}-${n}`));
for (const name of names) await sluice.policies.set(name, policy);

async function run(queue: string, jobs: number): Promise<void> {
  const options = { queue, inFlight: Math.ceil(inFlight / queues) };
  for await (const { outcome, body } of sluice.stream(urls(upstreamUrl, jobs), options)) {
    check(outcome.response?.status ?? 0, body.length);
  }
}

serveProducer({
  run: async (jobs) => {
    const share = (n: number) => Math.floor(jobs / queues) + (n < jobs % queues ? 1 : 0);
    await Promise.all(names.map((name, n) => run(name, share(n))));
  },
  fill: async (jobs) => {
    // No worker runs, so nothing is ever yielded: all of them are in flight.
    void sluice.stream(urls(upstreamUrl, jobs), { inFlight: jobs }).next();
    await sleep(0);
  },
});
