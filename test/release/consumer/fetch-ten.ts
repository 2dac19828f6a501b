// Starts a worker as a user would, fetches ten URLs through it, and prints their statuses.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'sluice';

const { REDIS = '', PREFIX = '', UPSTREAM = '' } = process.env;

const worker = spawn('npx', ['sluice-worker'], {
  env: { ...process.env, SLUICE_REDIS_URL: REDIS, SLUICE_PREFIX: PREFIX, SLUICE_HEALTH_PORT: '0' },
  stdio: ['ignore', 'ignore', 'inherit'],
  // A group of its own: npx does not hand signals on.
  detached: true,
});
const sluice = await connect({
  redis: REDIS,
  prefix: PREFIX,
  queue: 'ten',
  policy: { egress: { allow: ['127.0.0.0/8'] } },
});
try {
  // npx takes its time, and Node would warn that nobody serves the queue.
  while ((await sluice.workers()).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  const urls = Array.from({ length: 10 }, (_, index) => `${UPSTREAM}/item/${index}`);
  const responses = await sluice.gather(urls);
  console.log(responses.map(({ status }) => status).join(' '));
} finally {
  await sluice.close();
  process.kill(-(worker.pid ?? 0), 'SIGTERM');
  await once(worker, 'close');
}
