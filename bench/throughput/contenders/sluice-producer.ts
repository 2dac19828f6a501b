// Sluice as its users write it: every outcome comes back to the producer. Its worker is the real worker process.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@sluice/producer';
import { serveProducer } from './serve.ts';
import { check, readSetting, urls } from './task.ts';

const { redisUrl, queue, upstreamUrl, inFlight } = readSetting();
const sluice = await connect({
  redis: redisUrl,
  queue,
  policy: { egress: { allow: ['127.0.0.0/8'] } },
});

serveProducer({
  run: async (jobs) => {
    for await (const { outcome, body } of sluice.stream(urls(upstreamUrl, jobs), { inFlight })) {
      check(outcome.response?.status ?? 0, body.length);
    }
  },
  fill: async (jobs) => {
    // No worker runs, so nothing is ever yielded: all of them are in flight.
    void sluice.stream(urls(upstreamUrl, jobs), { inFlight: jobs }).next();
    await sleep(0);
  },
});
