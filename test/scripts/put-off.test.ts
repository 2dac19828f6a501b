import { describe, expect, test } from 'vitest';
import { openLab, origin } from './lab.ts';

describe('a job is put off', () => {
  test('when the upstream asked for it, and the lifting of a hold wakes it', async () => {
    await using lab = openLab();
    expect(await lab.putOff('job', 20_000)).toBe(true);
    await lab.hold(30_000);
    expect(await lab.release()).toEqual({ lifted: 1, jobs: ['job'] });
  });

  test('because of a hold only while it stands', async () => {
    await using lab = openLab();
    await lab.hold(30_000);
    expect(await lab.putOff('one', 30_000, 'held')).toBe(true);
    expect((await lab.release()).jobs).toEqual(['one']);
    expect(await lab.putOff('two', 30_000, 'held')).toBe(false);
    expect((await lab.release('')).jobs).toEqual([]);
  });

  test('again, if it was taken too early, only while that is noted', async () => {
    await using lab = openLab();
    await lab.hold(30_000);
    await lab.putOff('job', 30_000, 'held');
    expect(await lab.putOff('job', 20_000, 'early')).toBe(true);
    await lab.release();
    expect(await lab.putOff('job', 20_000, 'early')).toBe(false);
  });

  test('and left alone when the hold of another origin is lifted, which is not held', async () => {
    await using lab = openLab();
    await lab.apply({});
    await lab.hold(30_000);
    await lab.putOff('job', 30_000, 'held');
    expect(await lab.release('https://elsewhere.test')).toEqual({ lifted: 0, jobs: [] });
    expect((await lab.permit({ id: 'job', origin })).verdict).toBe('early');
  });
});
