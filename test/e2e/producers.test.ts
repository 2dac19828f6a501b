import { randomUUID } from 'node:crypto';
import { inject, expect, test } from 'vitest';
import { connect } from '../../packages/producer/src/index.ts';
import { type Program, startProgram } from '../lab/processes.ts';
import { spawnUpstream } from '../lab/upstream/spawn.ts';

const producers = 10;
const jobsEach = 100;

const isStarted = (message: unknown): message is { type: 'started' } =>
  (message as { type?: string } | null)?.type === 'started';
const isStatuses = (message: unknown): message is { statuses: number[] } =>
  Array.isArray((message as { statuses?: unknown } | null)?.statuses);

test(
  'ten producer processes get the outcomes of their own jobs, each once',
  { timeout: 120_000 },
  async () => {
    await using stack = new AsyncDisposableStack();
    const upstream = stack.use(await spawnUpstream());
    const redis = inject('redisUrl');
    const prefix = `{t-${randomUUID()}}`;
    const queue = 'shared';
    const client = stack.use(
      await connect({ redis, prefix, queue, policy: { egress: { allow: ['127.0.0.0/8'] } } }),
    );
    const start = (file: string, env: Record<string, string>): Program =>
      stack.use(startProgram(file, [], { ipc: true, patience: 90_000, env }));
    const workers = [1, 2].map(() =>
      start('packages/worker/src/main.ts', {
        SLUICE_REDIS_URL: redis,
        SLUICE_PREFIX: prefix,
        SLUICE_HEALTH_PORT: '0',
        SLUICE_LOG_LEVEL: 'warn',
      }),
    );
    await Promise.all(workers.map((worker) => worker.message(isStarted)));

    const programs = Array.from({ length: producers }, (_, n) =>
      start('packages/producer/test/producer-process.ts', {
        REDIS_URL: redis,
        PREFIX: prefix,
        QUEUE: queue,
        URLS: JSON.stringify(
          Array.from({ length: jobsEach }, (_, job) => `${upstream.url}/item/${n}-${job}`),
        ),
      }),
    );
    for (const program of programs) {
      const { statuses } = await program.message(isStatuses);
      expect(statuses).toEqual(Array.from({ length: jobsEach }, () => 200));
      expect(await program.exit()).toMatchObject({ code: 0, stderr: '' });
    }
    const paths = (await upstream.arrivals()).map(({ path }) => path);
    expect(paths).toHaveLength(producers * jobsEach);
    expect(new Set(paths).size).toBe(producers * jobsEach);
    expect(await client.queues.stats(queue)).toEqual({ sent: producers * jobsEach, rejected: 0 });
    await client.queues.remove(queue);
    for (const worker of workers) worker.signal('SIGTERM');
    for (const worker of workers) expect((await worker.exit()).code).toBe(0);
  },
);
