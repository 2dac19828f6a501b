import { connect } from '@sluice/producer';
import { Agent, request } from 'undici';
import { type Setting, check } from '../throughput/contenders/task.ts';
import { MeasuredProcess } from '../throughput/measured-process.ts';

/** A way to make one request. */
export type Way = AsyncDisposable & { name: string; get(url: string): Promise<void> };

/** undici in this process: what there is without Sluice. */
export function bareWay(inFlight: number): Way {
  const dispatcher = new Agent({ connections: inFlight, pipelining: 1 });
  return {
    name: 'undici',
    async get(url) {
      const { statusCode, body } = await request(url, { dispatcher });
      check(statusCode, (await body.bytes()).length);
    },
    [Symbol.asyncDispose]: () => dispatcher.close(),
  };
}

/** `sluice.fetch` in this process, the workers in theirs. */
export async function sluiceWay(setting: Setting, workers: number): Promise<Way> {
  await using stack = new AsyncDisposableStack();
  const { redisUrl, queue, concurrency } = setting;
  const sluice = stack.use(
    await connect({ redis: redisUrl, queue, policy: { egress: { allow: ['127.0.0.0/8'] } } }),
  );
  for (let n = 0; n < workers; n++) {
    const worker = new MeasuredProcess(import.meta.resolve('@sluice/worker/main'), '', {
      SLUICE_REDIS_URL: redisUrl,
      SLUICE_QUEUES: queue,
      SLUICE_CONCURRENCY: String(concurrency),
      SLUICE_HEALTH_PORT: '0',
      SLUICE_LOG_LEVEL: 'warn',
    });
    await stack.use(worker).message('started');
  }
  const opened = stack.move();
  return {
    name: 'sluice.fetch',
    async get(url) {
      const response = await sluice.fetch(url);
      check(response.status, response.bytes().length);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
