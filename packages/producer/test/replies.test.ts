import { describe, expect, inject, test } from 'vitest';
import { Rig, until } from '../../worker/test/rig.ts';
import { connect } from '../src/index.ts';

const keyCount = async (rig: Rig) => (await rig.redis.keys(`${rig.prefix}*`)).length;

/** Ends every connection that blocks on a reply stream of this rig. */
async function killReaders(rig: Rig): Promise<number> {
  const list = String(await rig.redis.client('LIST'));
  const readers = list.split('\n').filter((line) => / cmd=xread /.test(line));
  let killed = 0;
  for (const line of readers) {
    const id = /\bid=(\d+)/.exec(line)?.[1];
    // Other tests share the server: their clients must come through this as well.
    if (id !== undefined) killed += Number(await rig.redis.client('KILL', 'ID', Number(id)));
  }
  return killed;
}

describe('replies', () => {
  test('that come while the reader is cut off are delivered all the same, each once', async () => {
    await using rig = await Rig.open({ policy: { rate: '200/1s' } });
    const times = new Map<string, number>();
    const handles = await Promise.all(
      Array.from({ length: 150 }, (_, n) => rig.sluice.enqueue(rig.url(`/item/${n}`))),
    );
    const all = Promise.all(
      handles.map(async (handle, n) => {
        const body = (await handle.result()).json<{ item: string }>();
        expect(body.item).toBe(String(n));
        times.set(handle.id, (times.get(handle.id) ?? 0) + 1);
      }),
    );
    let killed = 0;
    for (const count of [20, 60, 100]) {
      await rig.arrived(count);
      killed += await killReaders(rig);
    }
    await all;
    expect(killed).toBeGreaterThan(0);
    expect([...times.values()]).toEqual(Array.from({ length: 150 }, () => 1));
  });

  test('are acknowledged: a stream of 500 jobs leaves as many keys as there were before', async () => {
    await using rig = await Rig.open();
    await rig.end('/warm');
    await using client = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
    // What the queue itself keeps is there after the first jobs.
    for await (const { outcome } of client.stream([rig.url('/first')])) expect(outcome.kind).toBe('response');
    await until(async () => (await rig.redis.keys(`${rig.prefix}/outcome/*`)).length <= 1);
    const before = await keyCount(rig);
    const urls = Array.from({ length: 500 }, (_, n) => rig.url(`/item/${n}`));
    let ended = 0;
    for await (const { outcome } of client.stream(urls)) {
      expect(outcome.kind).toBe('response');
      ended += 1;
    }
    expect(ended).toBe(500);
    await until(async () => (await keyCount(rig)) <= before);
    expect(await rig.redis.keys(`${rig.prefix}:${rig.queue}:job*`)).toEqual([]);
  });

  test('leave an empty stream behind while the client lives, and nothing when it closes', async () => {
    await using rig = await Rig.open();
    const client = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
    await client.fetch(rig.url('/'));
    const streams = async () => await rig.redis.keys(`${rig.prefix}/replies/*`);
    await until(async () => {
      const lengths = await Promise.all((await streams()).map((name) => rig.redis.xlen(name)));
      return lengths.every((length) => length === 0);
    });
    await client.close();
    expect(await streams()).toEqual([]);
  });
});

describe('an outcome that is kept', () => {
  test('can be read by its id from another client, after the job has ended', async () => {
    await using rig = await Rig.open();
    await rig.end('/json', { id: 'kept' });
    await using other = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
    expect((await other.job('kept').result()).json()).toMatchObject({ ok: true });
    expect(await other.job('kept').status()).toBe('completed');
  });

  test('is awaited by another client before it is there', async () => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.enqueue({ url: rig.url('/json'), id: 'awaited' });
    await using other = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
    const result = other.job('awaited').result();
    await until(async () => (await rig.redis.exists(rig.keys.watchers(rig.queue, 'awaited'))) === 1);
    await rig.startPool();
    expect((await result).status).toBe(200);
  });

  test('that there never was is said to be gone', async () => {
    await using rig = await Rig.open({ idle: true });
    await expect(rig.sluice.job('never').result()).rejects.toMatchObject({ code: 'SLUICE_RESULT_EXPIRED' });
    expect(await rig.sluice.job('never').status()).toBe('unknown');
  });
});
