// A worker inside the program that uses it: nothing but the program's own output may be seen.
import { createLogger, readWorkerConfig, startPool } from '@sluice/worker';
import { connect } from 'sluice';

const { REDIS = '', PREFIX = '', UPSTREAM = '' } = process.env;

const config = readWorkerConfig({ SLUICE_REDIS_URL: REDIS, SLUICE_PREFIX: PREFIX });
const pool = await startPool(config, createLogger('embedded', 'warn'));
const sluice = await connect({
  redis: REDIS,
  prefix: PREFIX,
  queue: 'embedded',
  policy: { egress: { allow: ['127.0.0.0/8'] } },
});
const response = await sluice.fetch(`${UPSTREAM}/item/1`);
console.log(response.status);
await sluice.close();
await pool.drain(1000);
