// A worker inside the program that uses it: nothing but the program's own output may be seen.
import { startWorker } from '@sluice/worker';
import { connect } from 'sluice';

const { REDIS = '', PREFIX = '', UPSTREAM = '' } = process.env;

const worker = await startWorker({ redis: REDIS, prefix: PREFIX });
const sluice = await connect({
  redis: REDIS,
  prefix: PREFIX,
  queue: 'embedded',
  policy: { egress: { allow: ['127.0.0.0/8'] } },
});
const response = await sluice.fetch(`${UPSTREAM}/item/1`);
console.log(response.status);
await sluice.close();
await worker.close();
