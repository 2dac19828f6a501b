import { spawnSync } from 'node:child_process';
import { expect, inject, test } from 'vitest';
import { type Logger, type WorkerOptions, startWorker } from '../src/index.ts';
import { Rig, until } from './rig.ts';
import { startRawUpstream } from './raw-upstream.ts';

/** A logger that keeps its lines. */
function kept(): { logger: Logger; lines: [level: string, ...unknown[]][] } {
  const lines: [level: string, ...unknown[]][] = [];
  const line =
    (level: string) =>
    (...args: unknown[]) =>
      void lines.push([level, ...args]);
  return {
    lines,
    logger: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
  };
}

test('a worker with nothing but a place serves every queue, and closes at the end of its block', async () => {
  await using rig = await Rig.open({ idle: true });
  {
    await using worker = await startWorker({ redis: inject('redisUrl'), prefix: rig.prefix });
    expect(worker.notReady()).toEqual([]);
    expect((await rig.end('/item/1')).outcome).toMatchObject({ kind: 'response' });
  }
  const later = await rig.sluice.enqueue(rig.url('/item/2'));
  expect(await later.status()).toBe('waiting');
});

test('serves the queues that are named, and says which of them has no policy', async () => {
  await using rig = await Rig.open({ idle: true });
  const { logger, lines } = kept();
  await using worker = await startWorker({
    redis: inject('redisUrl'),
    prefix: rig.prefix,
    queues: ['elsewhere'],
    logger,
  });
  const reason = 'queue "elsewhere" has no policy; create one with: sluice queue set elsewhere';
  expect(worker.notReady()).toEqual([reason]);
  expect(lines).toContainEqual(['warn', `not ready: ${reason}`]);
  await rig.sluice.policies.set('elsewhere', { egress: { allow: ['127.0.0.0/8'] } });
  const other = await rig.sluice.enqueue(rig.url('/item/1'));
  const response = await rig.sluice.fetch(rig.url('/item/2'), { queue: 'elsewhere' });
  expect(response.status).toBe(200);
  expect(worker.notReady()).toEqual([]);
  expect(await other.status()).toBe('waiting');
});

test('close() lets requests finish; a second one gives them back', async () => {
  await using upstream = await startRawUpstream();
  await using rig = await Rig.open({ idle: true });
  const { logger } = kept();
  const worker = await startWorker({
    redis: inject('redisUrl'),
    prefix: rig.prefix,
    grace: '1h',
    logger,
  });
  const handle = await rig.sluice.enqueue(upstream.url);
  await until(() => upstream.connections > 0);
  const first = worker.close();
  expect(worker.notReady()).toContain('draining');
  expect(await handle.status()).toBe('active');
  await Promise.all([first, worker.close()]);
  expect(await handle.status()).toBe('waiting');
});

test('lists every fault of its options', async () => {
  const options = {
    redis: 'localhost',
    prefix: 'p',
    queues: [],
    concurrency: 0,
    grace: 'soon',
    transforms: { parse: 'https://example.com/parse.js' },
    logger: { info: () => {} },
    concurency: 5,
  } as unknown as WorkerOptions;
  const error: unknown = await startWorker(options).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: 'SLUICE_INVALID_CONFIG' });
  const paths = (error as { faults: { path: string }[] }).faults.map(({ path }) => path);
  expect([...paths].sort()).toEqual(Object.keys(options).sort());
});

test('a Redis that is not there is an error', async () => {
  await expect(startWorker({ redis: 'redis://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'SLUICE_REDIS_UNREACHABLE',
  });
});

test('what it logs about an error has no fields that could hold data', async () => {
  const { logger, lines } = kept();
  const { guardedLogger } = await import('../src/logger.ts');
  const err = Object.assign(new Error('no'), { command: { args: ['SECRET'] } });
  guardedLogger(logger).warn({ err, queue: 'q' }, 'failed');
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain('SECRET');
  expect(lines[0]).toMatchObject(['warn', { err: { message: 'no' }, queue: 'q' }, 'failed']);
});

test('leaves its process alone: no signal handlers, nothing printed, and the process ends by itself', () => {
  const module = new URL('../src/index.ts', import.meta.url).href;
  const script = `
    import { startWorker } from ${JSON.stringify(module)};
    const events = () => process.eventNames().filter((name) => process.listenerCount(name) > 0).map(String).sort().join();
    const before = events();
    const warnings = process.listeners('warning');
    const worker = await startWorker({ redis: ${JSON.stringify(inject('redisUrl'))}, prefix: '{alone}' });
    const during = events();
    if (String(warnings) !== String(process.listeners('warning'))) throw new Error('warnings are caught');
    await worker.close();
    process.stdout.write(JSON.stringify({ before, during }));
  `;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--conditions=sluice-source', '--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  );
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  const { before, during } = JSON.parse(stdout) as { before: string; during: string };
  expect(during.split(',').filter((name) => /^SIG|exit|Exit|uncaught|unhandled/.test(name))).toEqual(
    before.split(',').filter((name) => /^SIG|exit|Exit|uncaught|unhandled/.test(name)),
  );
});
