import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, test } from 'vitest';
import { readWorkerConfig } from '../src/config.ts';
import { Rig, until } from './rig.ts';

const module = (file: string) => new URL(`transforms/${file}`, import.meta.url).href;

describe('a worker does not start', () => {
  test.each([
    ['unusable.ts', 'it has no function named "transform" or "retryIf" (it exports parse)'],
    ['broken.ts', 'Error: no licence for the parser'],
    ['missing.ts', 'Cannot find module'],
  ])('when a transform module cannot be used: %s', async (file, message) => {
    await using rig = await Rig.open({ idle: true });
    const started = rig.startPool({ SLUICE_TRANSFORMS: `good=${module('plain.mjs')},bad=${module(file)}` });
    await expect(started).rejects.toMatchObject({
      code: 'SLUICE_INVALID_CONFIG',
      message: expect.stringContaining(message) as string,
      faults: [{ path: 'SLUICE_TRANSFORMS', message: expect.stringMatching(/^bad=/) as string }],
    });
  });

  test('and names each of them', async () => {
    await using rig = await Rig.open({ idle: true });
    const started = rig.startPool({
      SLUICE_TRANSFORMS: `one=${module('broken.ts')},two=${module('unusable.ts')}`,
    });
    await expect(started).rejects.toMatchObject({
      faults: [
        { message: expect.stringMatching(/^one=/) as string },
        { message: expect.stringMatching(/^two=/) as string },
      ],
    });
  });

  test.each([
    ['parse', '"parse" is not of the form name=path'],
    ['=./parse.js', '"=./parse.js" is not of the form name=path'],
    ['parse=', '"parse=" is not of the form name=path'],
    ['a b=./parse.js', '"a b=./parse.js" is not of the form name=path'],
    ['parse=./a.js,parse=./b.js', 'transform "parse" is named twice'],
    ['parse=https://example.com/a.js', 'neither a path nor a file:/// URL'],
    ['parse=data:text/javascript,1', 'neither a path nor a file:/// URL'],
  ])('when the list of modules is faulty: %s', (list, message) => {
    expect(() => readWorkerConfig({ SLUICE_TRANSFORMS: list })).toThrow(message);
  });
});

test('takes modules by path or file URL, relative to the working directory', () => {
  const { transforms } = readWorkerConfig({ SLUICE_TRANSFORMS: 'a=./a.js, b=file:///srv/b.js' });
  expect(transforms).toEqual({
    modules: [
      { name: 'a', module: './a.js' },
      { name: 'b', module: 'file:///srv/b.js' },
    ],
    threads: 0,
    timeoutMs: 30_000,
  });
});

test('CPU-heavy transforms leave the loop free for other jobs', async () => {
  await using rig = await Rig.open({
    env: { SLUICE_TRANSFORMS: `heavy=${module('heavy.ts')}`, SLUICE_TRANSFORM_THREADS: '2' },
  });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  let ended = 0;
  const heavy = Array.from({ length: 4 }, async () => {
    const response = await rig.sluice.fetch(rig.url('/bytes/200000'), { transform: 'heavy', meta: 1500 });
    ended += 1;
    return response.value();
  });
  for (let n = 0; n < 5; n++) await rig.sluice.fetch(rig.url('/json'));
  expect(ended).toBeLessThan(heavy.length);
  expect(await Promise.all(heavy)).toEqual(heavy.map(() => ({ bytes: 200_000, worked: true })));
  delay.disable();
  // On the loop, one of them alone would hold it up for 1500 ms. (A busy machine holds it up by itself.)
  expect(delay.max / 1e6).toBeLessThan(1200);
});

test('a transform that outlasts the lock keeps its job: the lock is renewed meanwhile', async () => {
  await using rig = await Rig.open({
    env: { SLUICE_TRANSFORMS: `heavy=${module('heavy.ts')}`, SLUICE_LOCK_DURATION: '5s' },
  });
  // Another worker would take a job whose lock expired.
  await rig.startPool({ SLUICE_TRANSFORMS: `heavy=${module('heavy.ts')}`, SLUICE_LOCK_DURATION: '5s' });
  const response = await rig.sluice.fetch(rig.url('/json'), { transform: 'heavy', meta: 7000 });
  expect(response.value()).toMatchObject({ worked: true });
  expect(await rig.seen()).toEqual(['GET /json']);
}, 30_000);

describe('a worker that is stopped during a transform', () => {
  const stopped = async (rig: Rig, method: 'GET' | 'POST') => {
    const pool = await rig.startPool({ SLUICE_TRANSFORMS: `stuck=${module('stuck.ts')}` });
    const handle = await rig.sluice.enqueue({ url: rig.url('/echo'), method, transform: 'stuck' });
    await rig.arrived(1);
    await rig.quiet();
    // By the end of another job the transform has begun.
    await rig.sluice.fetch(rig.url('/json'));
    await pool.drain(50);
    return handle;
  };

  test('gives the job back', async () => {
    await using rig = await Rig.open({ idle: true });
    const handle = await stopped(rig, 'GET');
    await until(async () => (await handle.status()) === 'waiting');
    expect(await rig.bull.getWaitingCount()).toBe(1);
  });

  test('ends one whose request must not be repeated, with its response', async () => {
    await using rig = await Rig.open({ idle: true });
    const { outcome, body } = await (await stopped(rig, 'POST')).outcome();
    expect(outcome).toMatchObject({
      kind: 'transform-error',
      response: { status: 200 },
      error: { message: expect.stringContaining('its worker was stopped') as string },
    });
    expect(JSON.parse(new TextDecoder().decode(body))).toMatchObject({ method: 'POST' });
  });
});
