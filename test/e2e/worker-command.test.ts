import { randomUUID } from 'node:crypto';
import { describe, expect, inject, test } from 'vitest';
import { connect } from '../../packages/producer/src/index.ts';
import { startHeldUpstream } from '../lab/faults/held-upstream.ts';
import { sluice, startSluice } from './sluice.ts';
import { until } from './fleet.ts';

const redis = inject('redisUrl');

/** A client with a queue of its own, and `sluice worker` that serves it. */
async function served(...options: string[]) {
  const prefix = `{t-${randomUUID()}}`;
  const client = await connect({
    redis,
    prefix,
    queue: 'api',
    policy: { egress: { allow: ['127.0.0.0/8'] } },
  });
  const args = ['--redis', redis, '--prefix', prefix, '--health-port', '0', ...options];
  const worker = startSluice(['worker', ...args]);
  await worker.line('"started"');
  return {
    client,
    worker,
    prefix,
    async [Symbol.asyncDispose]() {
      await worker.kill();
      await client.queues.remove('api');
      await client.close();
    },
  };
}

describe('sluice worker', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'performs jobs in the foreground; %s lets those under way finish, and it exits with 0',
    async (signal) => {
      await using upstream = await startHeldUpstream();
      await using scene = await served('--queues', 'api');
      const handle = await scene.client.enqueue(upstream.url);
      await until(() => upstream.requests.length === 1);
      const place = ['--redis', redis, '--prefix', scene.prefix];
      const { stdout } = await sluice(['queue', 'show', 'api', '--json', ...place]);
      const shown = JSON.parse(stdout) as { workers: object[] };
      expect(shown.workers).toMatchObject([{ pid: scene.worker.pid, queues: ['api'] }]);
      scene.worker.signal(signal);
      await scene.worker.line('draining: requests under way may finish');
      upstream.requests[0]!.answer();
      expect((await handle.outcome()).outcome.kind).toBe('response');
      expect(await scene.worker.exit()).toMatchObject({ code: 0, stdout: '' });
    },
  );

  test('Ctrl-C twice gives the requests under way back at once', async () => {
    await using upstream = await startHeldUpstream();
    await using scene = await served('--grace', '1h');
    const handle = await scene.client.enqueue(upstream.url);
    await until(() => upstream.requests.length === 1);
    scene.worker.signal('SIGINT');
    await scene.worker.line('draining: requests under way may finish');
    const ended = scene.worker.exit();
    // The command takes two signals at once for one press.
    const again = setInterval(() => scene.worker.signal('SIGINT'), 300);
    const { code } = await ended.finally(() => clearInterval(again));
    expect(code).toBe(0);
    expect(await handle.status()).toBe('waiting');
  });

  test('names its faults as they were typed', async () => {
    const args = ['worker', '--queues', 'a:b', '--concurrency', '0', '--grace', '30'];
    const { code, stderr } = await sluice(args, { env: { SLUICE_LOG_LEVEL: 'loud' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sluice: the worker's settings have faults: .*--queues: queue "a:b" must be/);
    expect(stderr).toMatch(/--concurrency: must be at least 1/);
    expect(stderr).toMatch(/--grace: "30" is not a duration/);
    expect(stderr).toMatch(/SLUICE_LOG_LEVEL: /);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('says that Redis is not there, or its port taken, in one line, with exit code 1', async () => {
    await using upstream = await startHeldUpstream();
    const place = ['--redis', redis, '--prefix', `{t-${randomUUID()}}`];
    const [away, taken] = await Promise.all([
      sluice(['worker', '--redis', 'redis://127.0.0.1:1', '--health-port', '0']),
      sluice(['worker', ...place, '--health-port', new URL(upstream.url).port]),
    ]);
    expect(away).toMatchObject({ code: 1, stdout: '' });
    expect(away.stderr).toMatch(/^sluice: redis:\/\/127\.0\.0\.1:1 does not answer.*\n$/);
    expect(taken.code).toBe(1);
    expect(taken.stderr).toMatch(/^sluice: the health endpoint cannot listen on .* choose another .*\n$/);
  });

  test('has its options and examples in --help', async () => {
    const { code, stdout } = await sluice(['worker', '--help']);
    expect(code).toBe(0);
    for (const text of [
      '--queues',
      '--concurrency',
      '--health-port',
      '--log-level',
      'Examples:',
      'Exit code',
    ])
      expect(stdout).toContain(text);
  });
});
