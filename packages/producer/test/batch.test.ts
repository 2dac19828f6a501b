import { type Command, Redis } from 'ioredis';
import { describe, expect, inject, test } from 'vitest';
import { startProgram } from '../../../test/lab/processes.ts';
import { Rig, until } from '../../worker/test/rig.ts';
import { type BatchItem, type JobSpec, type ResultsOptions, type Sluice, connect } from '../src/index.ts';
import { readPages } from '../src/batch/pages.ts';

async function fill(
  sluice: Sluice,
  specs: Iterable<string | JobSpec>,
  options: { batch?: string; seal?: boolean } = {},
): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of sluice.enqueueMany(specs, { batch: 'b', ...options })) ids.push(id);
  return ids;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function read(sluice: Sluice, options: ResultsOptions = {}): Promise<BatchItem[]> {
  return await all(sluice.batch('b').results(options));
}

const urls = (rig: Rig, count: number) => Array.from({ length: count }, (_, n) => rig.url(`/item/${n}`));
const another = (rig: Rig) => connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });

function producer(rig: Rig, count: number, ids = '') {
  const env = {
    REDIS_URL: inject('redisUrl'),
    PREFIX: rig.prefix,
    QUEUE: rig.queue,
    URL_BASE: rig.upstream.url,
    COUNT: String(count),
    IDS: ids,
  };
  return startProgram('packages/producer/test/fill-batch.ts', [], { ipc: true, env });
}

const isFilled = (message: unknown): message is 'filled' => message === 'filled';
const isBegun = (message: unknown): message is { added: number } =>
  typeof message === 'object' && message !== null && 'added' in message;

describe('the results of a batch', () => {
  test('are the outcomes in the order of their ends, and end when all were read', async () => {
    await using rig = await Rig.open({ policy: { concurrency: 1 } });
    const specs: JobSpec[] = [
      { url: rig.url('/item/0'), meta: 'late', delayMs: 500 },
      { url: rig.url('/item/1'), meta: 'early' },
    ];
    const ids = await fill(rig.sluice, specs);
    const items = await read(rig.sluice);
    expect(items.map(({ id, index, outcome }) => ({ id, index, meta: outcome.meta }))).toEqual([
      { id: ids[1], index: 1, meta: 'early' },
      { id: ids[0], index: 0, meta: 'late' },
    ]);
    expect(items[0]!.body).toHaveLength(1024);
    expect(items[0]!.outcome).toMatchObject({ kind: 'response', response: { status: 200 } });
    expect(await rig.sluice.batch('b').progress()).toEqual({ total: 2, ended: 2, failed: 0, sealed: true });
  });

  test('have the jobs that failed, which are counted', async () => {
    await using rig = await Rig.open();
    await fill(rig.sluice, [rig.url('/item/1'), 'http://10.0.0.1/']);
    const items = await read(rig.sluice);
    expect(items.map(({ outcome }) => outcome.kind).sort()).toEqual(['blocked', 'response']);
    expect(await rig.sluice.batch('b').progress()).toEqual({ total: 2, ended: 2, failed: 1, sealed: true });
  });

  test('go on from a cursor in another process, and nothing is read twice', async () => {
    await using rig = await Rig.open();
    const ids = await fill(rig.sluice, urls(rig, 300));
    const first: BatchItem[] = [];
    for await (const item of rig.sluice.batch('b').results()) {
      first.push(item);
      if (first.length === 120) break;
    }
    await using other = await another(rig);
    const rest = await read(other, { cursor: first.at(-1)!.cursor });
    expect(rest).toHaveLength(180);
    expect([...first, ...rest].map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(await read(other, { cursor: rest.at(-1)!.cursor })).toEqual([]);
  });

  test('can be read by many, each with a cursor of its own', async () => {
    await using rig = await Rig.open();
    await fill(rig.sluice, urls(rig, 50));
    const [a, b] = await Promise.all([read(rig.sluice), read(rig.sluice)]);
    expect(a).toHaveLength(50);
    expect(b).toEqual(a);
  });

  test('are waited for before the batch was begun', async () => {
    await using rig = await Rig.open();
    const reading = read(rig.sluice);
    await using other = await another(rig);
    await fill(other, urls(rig, 5));
    expect(await reading).toHaveLength(5);
  });

  test('of an empty input end at once', async () => {
    await using rig = await Rig.open({ idle: true });
    await fill(rig.sluice, []);
    expect(await read(rig.sluice)).toEqual([]);
  });

  test('that are not followed end with those that are there', async () => {
    await using rig = await Rig.open();
    expect(await read(rig.sluice, { follow: false })).toEqual([]);
    await fill(rig.sluice, urls(rig, 3), { seal: false });
    await until(async () => (await rig.sluice.batch('b').progress()).ended === 3);
    const items = await read(rig.sluice, { follow: false });
    expect(items).toHaveLength(3);
    expect(await read(rig.sluice, { follow: false, cursor: items[2]!.cursor })).toEqual([]);
  });

  test('end with a signal, and leave no connection behind', async () => {
    await using rig = await Rig.open();
    await fill(rig.sluice, urls(rig, 3), { seal: false });
    const clients = async () => {
      const list = String(await rig.redis.client('LIST'));
      return list.split('\n').filter((line) => line.includes('cmd=xread')).length;
    };
    const stop = new AbortController();
    const before = await clients();
    const items: BatchItem[] = [];
    for await (const item of rig.sluice.batch('b').results({ signal: stop.signal })) {
      items.push(item);
      if (items.length === 3) setImmediate(() => stop.abort());
    }
    expect(items).toHaveLength(3);
    await until(async () => (await clients()) <= before);
  });

  test('end with SLUICE_CLOSED when their client is closed', async () => {
    await using rig = await Rig.open();
    await fill(rig.sluice, urls(rig, 1), { seal: false });
    const other = await another(rig);
    const results = other.batch('b').results();
    expect((await results.next()).done).toBe(false);
    const refused = expect(results.next()).rejects.toMatchObject({ code: 'SLUICE_CLOSED' });
    await other.close();
    await refused;
  });

  test('are gone when the batch was removed', async () => {
    await using rig = await Rig.open();
    await fill(rig.sluice, urls(rig, 2));
    const items = await read(rig.sluice);
    await rig.sluice.batch('b').remove();
    expect(await rig.sluice.batch('b').progress()).toEqual({ total: 0, ended: 0, failed: 0, sealed: false });
    await expect(read(rig.sluice, { cursor: items[0]!.cursor })).rejects.toMatchObject({
      code: 'SLUICE_RESULT_EXPIRED',
    });
  });

  test('are refused for a cursor or a name that is none', async () => {
    await using rig = await Rig.open({ idle: true });
    await expect(read(rig.sluice, { cursor: '$' })).rejects.toMatchObject({ code: 'SLUICE_INVALID_SPEC' });
    expect(() => rig.sluice.batch('a/b')).toThrow(expect.objectContaining({ code: 'SLUICE_INVALID_SPEC' }));
  });

  test('are read about a megabyte at a time', async () => {
    await using rig = await Rig.open({ idle: true });
    const stream = rig.keys.batch('large');
    for (let n = 0; n < 40; n++) await rig.redis.xadd(stream, '*', 'settled', Buffer.alloc(300_000));
    // Each once: a command that waits for the connection is sent again.
    const reads = new Set<Command>();
    const open = async () => {
      const client = new Redis(inject('redisUrl'));
      const send = client.sendCommand.bind(client);
      client.sendCommand = (command: Command, ...rest) => {
        if (command.name === 'xread') reads.add(command);
        return send(command, ...rest);
      };
      return client;
    };
    const signal = new AbortController().signal;
    const pages = readPages({
      open,
      blockMs: 5000,
      stream,
      cursor: '0-0',
      signal,
      goesOn: async () => false,
    });
    expect(await all(pages)).toHaveLength(40);
    const counts = Array.from(reads, ({ args }) => Number(args[args.indexOf('COUNT') + 1]));
    expect(counts.length).toBeGreaterThanOrEqual(9);
    expect(counts).toEqual([16, ...counts.slice(1).map(() => 3)]);
  });
});

describe('a batch', () => {
  test('that is not sealed takes more, and its reader waits for them', async () => {
    await using rig = await Rig.open();
    await fill(rig.sluice, urls(rig, 4), { seal: false });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { id } of rig.sluice.batch('b').results()) seen.push(id);
    })();
    await until(() => seen.length === 4);
    await using other = await another(rig);
    await fill(other, urls(rig, 3));
    await reading;
    expect(new Set(seen).size).toBe(7);
  });

  test('that is sealed takes no more', async () => {
    await using rig = await Rig.open({ idle: true });
    await fill(rig.sluice, urls(rig, 1));
    await expect(fill(rig.sluice, urls(rig, 1))).rejects.toMatchObject({ code: 'SLUICE_BATCH_SEALED' });
    expect(await rig.sluice.batch('b').progress()).toMatchObject({ total: 1, sealed: true });
  });

  test('sealed by hand lets its reader end', async () => {
    await using rig = await Rig.open();
    await fill(rig.sluice, urls(rig, 2), { seal: false });
    const results = rig.sluice.batch('b').results();
    await results.next();
    await results.next();
    const end = results.next();
    await rig.sluice.batch('b').seal();
    await rig.sluice.batch('b').seal();
    expect((await end).done).toBe(true);
  });

  test('has a handle of each job, whose result can be awaited too', async () => {
    await using rig = await Rig.open();
    const statuses: number[] = [];
    for await (const handle of rig.sluice.enqueueMany(urls(rig, 3), { batch: 'b' })) {
      statuses.push((await handle.result()).status);
    }
    expect(statuses).toEqual([200, 200, 200]);
  });

  test('counts no job that was refused', async () => {
    await using rig = await Rig.open({ idle: true });
    await expect(fill(rig.sluice, [rig.url('/'), 'nonsense', rig.url('/')])).rejects.toMatchObject({
      code: 'SLUICE_INVALID_SPEC',
    });
    const { total, sealed } = await rig.sluice.batch('b').progress();
    expect({ total, sealed }).toEqual({ total: await rig.bull.getWaitingCount(), sealed: false });
  });
});

describe('a producer that is killed', () => {
  test('after it filled a batch leaves it to be read by others', async () => {
    await using rig = await Rig.open({ idle: true });
    await using program = producer(rig, 250);
    await program.message(isFilled);
    await program.kill();
    await rig.startPool();
    const items = await read(rig.sluice);
    expect(items.map(({ index }) => index).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 250 }, (_, n) => n),
    );
  });

  test('while it fills a batch leaves a total that counts the jobs that are there', async () => {
    await using rig = await Rig.open({ idle: true });
    await using program = producer(rig, 1_000_000);
    await program.message(isBegun);
    await program.kill();
    const { total, sealed } = await rig.sluice.batch('b').progress();
    expect({ total, sealed }).toEqual({ total: await rig.bull.getWaitingCount(), sealed: false });
    await rig.sluice.batch('b').seal();
    await rig.startPool({ SLUICE_CONCURRENCY: '100' });
    const items = await read(rig.sluice);
    expect(items).toHaveLength(total);
    expect(new Set(items.map(({ id }) => id)).size).toBe(total);
  });

  test('while it fills a batch with ids goes on where it was when it is started again', async () => {
    await using rig = await Rig.open({ env: { SLUICE_CONCURRENCY: '100' } });
    {
      await using killed = producer(rig, 2000, 'again');
      await killed.message(isBegun);
    }
    await using program = producer(rig, 2000, 'again');
    const [items] = await Promise.all([read(rig.sluice), program.message(isFilled)]);
    expect(items).toHaveLength(2000);
    expect(new Set(items.map(({ id, index }) => `${id}/${index}`)).size).toBe(2000);
    expect(items.every(({ id, index }) => id === `again-${index}`)).toBe(true);
    expect((await rig.upstream.arrivalColumns()).paths).toHaveLength(2000);
  });
});
