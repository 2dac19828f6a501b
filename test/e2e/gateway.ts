import { randomUUID } from 'node:crypto';
import { connect } from '../../packages/producer/src/index.ts';
import { freePort } from '../lab/free-port.ts';
import { startSluice } from './sluice.ts';

/**
 * `sluice gateway` in front of a queue.
 * @param workers that serve it
 * @param env variables of the gateway
 */
export async function served(redis: string, workers = 0, env: Record<string, string> = {}) {
  const prefix = `{t-${randomUUID()}}`;
  const client = await connect({ redis, prefix, queue: 'api', rate: '100/s' });
  const healthPort = await freePort();
  const places = ['--redis', redis, '--prefix', prefix];
  const args = [...places, '--port', '0', '--health-port', String(healthPort)];
  const program = startSluice(['gateway', ...args, '--grace', '5s'], { env });
  const { url } = JSON.parse(await program.line('"started"')) as { url: string };
  const started = Array.from({ length: workers }, () =>
    startSluice(['worker', ...places, '--health-port', '0']),
  );
  await Promise.all(started.map((worker) => worker.line('"started"')));
  const ready = async () => (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).status;
  return {
    client,
    program,
    url,
    ready,
    queue: `${url}/v1/queues/api`,
    async [Symbol.asyncDispose]() {
      await Promise.all([program, ...started].map((one) => one.kill()));
      await client.close();
    },
  };
}
