import { describe, expect, inject, test } from 'vitest';
import { closestName } from '@sluice/shared';
import { type Sluice, connect } from '../src/index.ts';
import { Rig } from '../../worker/test/rig.ts';

const missing = (meant: string) =>
  expect.objectContaining({
    code: 'SLUICE_POLICY_MISSING',
    message: expect.stringContaining(meant) as string,
  }) as Error;

const first = (items: AsyncGenerator) => items.next();

describe('a queue without a policy is refused, with the name that was meant,', () => {
  const url = 'https://example.com/';
  const ways: Record<string, (sluice: Sluice, queue: string) => Promise<unknown>> = {
    enqueue: (sluice, queue) => sluice.enqueue(url, { queue }),
    fetch: (sluice, queue) => sluice.fetch(url, { queue }),
    gather: (sluice, queue) => sluice.gather([url], { queue }),
    stream: (sluice, queue) => first(sluice.stream([url], { queue })),
    enqueueMany: (sluice, queue) => first(sluice.enqueueMany([url], { queue })),
    'a batch': (sluice, queue) => first(sluice.enqueueMany([url], { queue, batch: 'b' })),
    'a schedule': (sluice, queue) => sluice.schedules.upsert('s', { every: '1h' }, url, { queue }),
    'a group': (sluice, queue) =>
      sluice
        .group(async (group) => void (await group.fetch(url)), { queue })
        .catch((error: AggregateError) => Promise.reject(error.errors[0] as Error)),
  };

  test.each(Object.entries(ways))('by %s', async (_, way) => {
    await using rig = await Rig.open({ idle: true });
    await rig.sluice.policies.set('github', {});
    await expect(way(rig.sluice, 'gihub')).rejects.toThrow(missing('did you mean "github"?'));
    await expect(way(rig.sluice, 'stripe')).rejects.toThrow(missing('the queues here are: github, q'));
    expect(await rig.redis.keys(`${rig.prefix}:*gihub*`)).toEqual([]);
    expect(await rig.redis.exists(rig.keys.deadlines('gihub'))).toBe(0);
  });

  test('by connect, when the queue is named and no policy is', async () => {
    await using rig = await Rig.open({ idle: true });
    const place = { redis: inject('redisUrl'), prefix: rig.prefix };
    await expect(connect({ ...place, queue: 'Q1' })).rejects.toThrow(missing('did you mean "q"?'));
    await using known = await connect({ ...place, queue: 'q' });
    await using made = await connect({ ...place, queue: 'new', rate: '1/1s' });
    // Nobody asked for it yet.
    await using unnamed = await connect(place);
    await expect(unnamed.enqueue(url)).rejects.toThrow(missing('queue "default" has no policy'));
    for (const client of [known, made]) expect((await client.enqueue(url)).id).toBeTypeOf('string');
  });
});

test('a policy that was created elsewhere just now is found at once', async () => {
  await using rig = await Rig.open({ idle: true });
  await using other = await connect({ redis: inject('redisUrl'), prefix: rig.prefix });
  for (let n = 0; n < 5; n++) {
    const queue = `new-${n}`;
    // This has just read the names.
    await expect(rig.sluice.enqueue(rig.url('/'), { queue })).rejects.toThrow(missing('has no policy'));
    await other.policies.set(queue, { egress: { allow: ['127.0.0.0/8'] } });
    const handle = await rig.sluice.enqueue(rig.url('/'), { queue });
    expect(await handle.status()).toBe('waiting');
  }
  await rig.sluice.queues.remove('new-0');
  await expect(rig.sluice.enqueue(rig.url('/'), { queue: 'new-0' })).rejects.toThrow(
    missing('did you mean "new-1"?'),
  );
});

test('a thousand jobs ask for the names of the queues a few times', async () => {
  await using rig = await Rig.open({ idle: true });
  const calls = async (command: string) => {
    const info = await rig.redis.info('commandstats');
    return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  };
  // Of the whole server: other tests use it, too, but none with as many calls as there are jobs here.
  const before = { hkeys: await calls('hkeys'), began: performance.now() };
  for (let n = 0; n < 1000; n++) await rig.sluice.enqueue(rig.url(`/${n}`));
  const seconds = (performance.now() - before.began) / 1000;
  expect((await calls('hkeys')) - before.hkeys).toBeLessThan(200 * (1 + seconds));
  expect((await calls('hkeys')) - before.hkeys).toBeLessThan(1000);
});

describe('an address that the policy does not allow', () => {
  const blocked = expect.objectContaining({
    code: 'SLUICE_BLOCKED',
    message: expect.stringContaining('job spec: url: 10.1.2.3') as string,
  }) as Error;

  test('is refused where one job is enqueued', async () => {
    await using rig = await Rig.open({ idle: true });
    const url = 'http://10.1.2.3/admin';
    await expect(rig.sluice.enqueue(url)).rejects.toThrow(blocked);
    await expect(rig.sluice.fetch(url)).rejects.toThrow(blocked);
    await expect(rig.sluice.enqueue('http://[::ffff:10.1.2.3]/')).rejects.toMatchObject({
      code: 'SLUICE_BLOCKED',
    });
    await expect(rig.sluice.schedules.upsert('s', { every: '1h' }, url)).rejects.toMatchObject({
      code: 'SLUICE_BLOCKED',
    });
    expect((await rig.sluice.queues.show(rig.queue)).counts.waiting).toBe(0);
    // What is behind a name only the workers know.
    await rig.sluice.enqueue('http://intranet.example.com/');
  });

  test('is enqueued as soon as the policy allows it', async () => {
    await using rig = await Rig.open({ idle: true });
    await using operator = await connect({ redis: inject('redisUrl'), prefix: rig.prefix });
    await expect(rig.sluice.enqueue('http://10.1.2.3/')).rejects.toMatchObject({ code: 'SLUICE_BLOCKED' });
    await operator.policies.set(rig.queue, { egress: { allow: ['10.0.0.0/8'] } });
    await rig.sluice.enqueue('http://10.1.2.3/');
  });

  test('does not stop a list: its job ends as blocked', async () => {
    await using rig = await Rig.open();
    const urls = ['http://10.1.2.3/', rig.url('/json')];
    const kinds: string[] = [];
    for await (const { index, outcome } of rig.sluice.stream(urls)) kinds[index] = outcome.kind;
    expect(kinds).toEqual(['blocked', 'response']);
    const settled = await rig.sluice.gather(urls, { settled: true });
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});

test('the name that was meant is near', () => {
  const names = ['github', 'stripe', 'partner-api', 'q'];
  expect(closestName('gihtub', names)).toBe('github');
  expect(closestName('GitHub', names)).toBe('github');
  expect(closestName('partnerapi', names)).toBe('partner-api');
  expect(closestName('stipe', names)).toBe('stripe');
  expect(closestName('something', names)).toBeNull();
  expect(closestName('x', [])).toBeNull();
});
