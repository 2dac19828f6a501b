// Sluice with its defaults: a client and a worker in each process.
import { connect } from '@sluice/producer';
import { startWorker } from '@sluice/worker';
import { concurrency, contend } from '../contender.ts';

await contend(async ({ urls, limit, perMs, queue, redisUrl: redis }) => {
  const policy = { rate: { limit, per: perMs }, egress: { allow: ['127.0.0.0/8'] } };
  const sluice = await connect({ redis, queue, policy });
  await startWorker({ redis, queues: [queue], concurrency });
  return () => sluice.gather(urls, { settled: true });
});
