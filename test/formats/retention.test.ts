import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { PlainSpec } from '../../packages/producer/src/index.ts';
import { loopback, quick, Rig, until } from '../../packages/worker/test/rig.ts';

/**
 * The keys that have no TTL, with what bounds them. Whatever else is found in Redis must have one: a key that is new
 * here would grow with every job that was ever run.
 */
function boundedBy(key: string, { keys, queue, prefix }: Rig): string | null {
  const bull = keys.bull(queue);
  const known: Record<string, string> = {
    [keys.queues]: 'the number of queues',
    [keys.audit]: 'its length, 10,000',
    [keys.apiKeys]: '1000 keys',
    [keys.policy(queue)]: 'the number of queues',
    [keys.due]: 'the number of queues',
    [keys.stats(queue)]: 'the number of queues',
    [bull.meta]: 'the number of queues',
    [bull.eventStream]: 'its length, about 100',
    [bull.failed]: 'keepFailed of the policy',
    [bull.marker]: 'one or two members',
    [bull.wait]: 'the jobs that wait',
    [bull.delayed]: 'the jobs that wait',
    [bull.prioritized]: 'the jobs that wait',
    [bull.priorityCounter]: 'the jobs that wait',
    [bull.active]: 'the jobs that run',
    [bull.stalled]: 'the jobs that run',
    [keys.deadlines(queue)]: 'the jobs that wait or run',
    [`${prefix}:${queue}:id`]: 'it is a number',
    [keys.schedule(queue)]: 'it is a few numbers',
    [`${prefix}:${queue}:repeat`]: 'the schedules',
  };
  if (key.startsWith(`${prefix}:${queue}:repeat:`)) return 'the schedules';
  return known[key] ?? null;
}

/** What is left: the keys without a TTL and what bounds them, the others by what they are. */
async function survey(
  rig: Rig,
): Promise<{ bounded: Map<string, string>; endless: string[]; withTtl: string[] }> {
  const bull = rig.keys.bull(rig.queue);
  const there = new Set([
    ...(await rig.redis.zrange(bull.failed, 0, '-1')),
    ...(await rig.redis.lrange(bull.wait, 0, -1)),
    ...(await rig.redis.zrange(bull.delayed, 0, '-1')),
  ]);
  const bounded = new Map<string, string>();
  const endless: string[] = [];
  const withTtl: string[] = [];
  const found = rig.redis.scanStream({ match: `${rig.prefix}*`, count: 1000 });
  for await (const names of found as AsyncIterable<string[]>) {
    for (const key of new Set(names)) {
      const ttl = await rig.redis.pttl(key);
      // -2: gone since.
      if (ttl > 0) withTtl.push(key);
      if (ttl !== -1) continue;
      const job = key.startsWith(bull.job('')) ? key.slice(bull.job('').length) : '';
      const by = boundedBy(key, rig) ?? (there.has(job) ? 'its job is failed, or waits' : null);
      if (by === null) endless.push(key);
      else bounded.set(key, by);
    }
  }
  return { bounded, endless, withTtl };
}

/** Jobs of each kind. */
const kinds = 8;
const spread = (make: (n: number) => PlainSpec) => Array.from({ length: kinds }, (_, n) => make(n));

/** Jobs of every kind, to their ends. */
async function runEverything(rig: Rig, round: string): Promise<void> {
  const { sluice, queue } = rig;
  const url = (path: string) => rig.url(`${path}${path.includes('?') ? '&' : '?'}round=${round}`);
  const specs: PlainSpec[] = [
    ...spread((n) => ({ url: url(`/item/${n}`) })),
    ...spread((n) => ({ url: url(`/status/500?failed=${n}`), attempts: 2 })),
    ...spread((n) => ({ url: url(`/status/503?times=1&retried=${n}`) })),
    ...spread((n) => ({ url: url(`/item/${n}`), priority: n + 1 })),
    ...spread((n) => ({ url: url(`/item/${n}`), delayMs: n })),
    ...spread((n) => ({ url: url(`/item/${n}`), deadline: Date.now() + 60_000 })),
    ...spread((n) => ({ url: url(`/item/${n}`), id: `own-${round}-${n}` })),
    ...spread((n) => ({ url: url(`/item/${n}`), idempotencyKey: `key-${round}-${n}` })),
    ...spread((n) => ({ url: url(`/item/${n}`), method: 'POST', delivery: 'at-most-once' })),
    ...spread((n) => ({
      url: url(`/status/429?times=1&once=${n}`),
      method: 'POST',
      delivery: 'at-most-once',
    })),
    ...spread((n) => ({ url: url(`/status/500?once=${n}`), method: 'POST', delivery: 'at-most-once' })),
    ...spread(() => ({ url: url('/json'), transform: 'plain' })),
    ...spread((n) => ({ url: url(`/item/${n}`), meta: { n } })),
  ];
  const waits = specs.map(async (spec) => (await sluice.enqueue(spec)).outcome());
  const fetched = spread((n) => ({ url: url(`/item/${n}`) })).map((spec) => sluice.fetch(spec.url));

  const batch = `batch-${round}`;
  for await (const _handle of sluice.enqueueMany(
    spread((n) => ({ url: url(`/item/${n}`) })),
    { batch },
  ));
  for await (const _item of sluice.batch(batch).results());

  // The same again is the same job; another process awaits it, too.
  const twice = await sluice.enqueue({ url: url('/item/1'), idempotencyKey: `key-${round}-1` });
  await twice.outcome();
  await sluice.job(`own-${round}-1`).outcome();

  const hanging = await Promise.all(
    spread((n) => ({ url: url(`/hang?${n}`) })).map((spec) => sluice.enqueue(spec)),
  );
  await until(async () =>
    (await Promise.all(hanging.map((one) => one.status()))).every((one) => one === 'active'),
  );
  await Promise.all(hanging.map((handle) => handle.cancel()));
  const waiting = await sluice.enqueue({ url: url('/item/1'), delayMs: 60_000 });
  await waiting.cancel();
  const expiring = spread((n) => ({ url: url(`/item/${n}`), delayMs: 60_000, deadline: Date.now() + 500 }));
  const expired = expiring.map(async (spec) => (await sluice.enqueue(spec)).outcome());

  await sluice.schedules.upsert(`often-${round}`, { every: 100 }, url('/item/often'));
  const visits = async () =>
    (await rig.seen()).filter((path) => path.includes(`often?round=${round}`)).length;
  await until(async () => (await visits()) >= 3);
  await sluice.schedules.remove(`often-${round}`);

  await sluice.semaphore(`section-${round}`, 2).run(async () => {});
  await Promise.all([...waits, ...fetched, ...expired]);
  await Promise.all(hanging.map((handle) => handle.outcome()));
  const [first] = (await sluice.dead.list(queue)).letters;
  await sluice.dead.redrive(queue, first!.id);
  await until(
    async () => (await rig.bull.getJobCountByTypes('wait', 'prioritized', 'active', 'delayed')) === 0,
  );
}

const env = {
  SLUICE_TRANSFORMS: 'plain=packages/worker/test/transforms/plain.mjs',
  SLUICE_CONCURRENCY: '100',
};

describe('what jobs leave in Redis', { timeout: 60_000 }, () => {
  test('has a TTL, or a bound that is named here', async () => {
    await using rig = await Rig.open({ env, policy: { rate: '2000/1s' } });
    await runEverything(rig, 'a');
    const { bounded, endless, withTtl } = await survey(rig);
    expect(endless).toEqual([]);
    expect(new Set(bounded.values()).size).toBeGreaterThan(3);
    expect(withTtl.length).toBeGreaterThan(0);
    // An attempt that has ended is not marked any more.
    await until(async () => (await rig.redis.keys(`${rig.keys.sent(rig.queue, '')}*`)).length === 0);
    expect(await rig.redis.zcard(rig.keys.deadlines(rig.queue))).toBe(0);
    expect(await rig.redis.zcard(rig.keys.putOff(rig.queue))).toBeLessThanOrEqual(kinds);
  });

  test('is the same after many rounds as after few, apart from what has a TTL', async () => {
    await using rig = await Rig.open({ env, policy: { keepFailed: { count: 10 } } });
    const sizes: number[] = [];
    for (const round of ['a', 'b', 'c']) {
      await runEverything(rig, round);
      await until(async () => (await rig.redis.zcard(rig.keys.bull(rig.queue).failed)) <= 10);
      const { bounded, endless } = await survey(rig);
      expect(endless).toEqual([]);
      sizes.push(bounded.size);
    }
    console.log(`keys without a TTL after 1, 2 and 3 rounds of about 140 jobs: ${sizes.join(', ')}`);
    expect(Math.abs(sizes[2]! - sizes[0]!)).toBeLessThanOrEqual(2);
  });
});

describe('failed jobs', () => {
  test('are kept as many as the policy says, also those that expired while they waited', async () => {
    await using rig = await Rig.open({ policy: { keepFailed: { count: 5 } } });
    const ids = Array.from({ length: 20 }, (_, n) => `old-${n}`);
    const req = { url: rig.url('/json'), method: 'GET', headers: {} };
    await rig.sluice.queues.pause(rig.queue);
    for (const id of ids) await rig.addRaw(id, { v: 1, req, at: 1, deadline: 1 });
    await rig.redis.zadd(rig.keys.deadlines(rig.queue), ...ids.flatMap((id, n) => [n, id]));
    await rig.redis.zadd(rig.keys.due, 0, rig.queue);
    const { failed } = rig.keys.bull(rig.queue);
    await until(async () => (await rig.redis.zcard(rig.keys.deadlines(rig.queue))) === 0);
    await until(async () => (await rig.redis.zcard(failed)) === 5);
    const left = await rig.redis.keys(`${rig.keys.bull(rig.queue).job('old-')}*`);
    expect(left).toHaveLength(5);

    // At once for the whole fleet, like the rest of the policy.
    await rig.sluice.policies.update(rig.queue, (before) => ({ ...before!, keepFailed: { count: 0 } }));
    await until(async () => (await rig.redis.zcard(failed)) === 0);
    await rig.sluice.queues.resume(rig.queue);
    expect((await rig.end('/status/500', { attempts: 1 })).outcome.kind).toBe('http-error');
    await until(async () => (await rig.bull.getJobCountByTypes('active', 'wait')) === 0);
    expect(await rig.redis.zcard(failed)).toBe(0);
  });

  test('are removed when they are old, although nothing fails any more', async () => {
    await using rig = await Rig.open({ policy: { keepFailed: { age: '2s' } } });
    const { failed } = rig.keys.bull(rig.queue);
    await rig.end('/status/500', { attempts: 1, id: 'old' });
    await until(async () => (await rig.redis.zcard(failed)) === 1);
    await until(async () => (await rig.redis.zcard(failed)) === 0);
    expect(await rig.redis.exists(rig.keys.bull(rig.queue).job('old'))).toBe(0);
  });
});

describe('the TTL', () => {
  test('of a batch is set by its producer, that of unread replies by the worker', async () => {
    await using rig = await Rig.open({ env: { SLUICE_REPLY_TTL: '90s' } });
    const specs = [rig.url('/json'), rig.url('/item/1')];
    for await (const _handle of rig.sluice.enqueueMany(specs, { batch: 'brief', batchKeepMs: 120_000 }));
    for await (const _item of rig.sluice.batch('brief').results());
    for (const key of [rig.keys.batch('brief'), rig.keys.batchState('brief')]) {
      const ttl = await rig.redis.pttl(key);
      expect(ttl).toBeGreaterThan(60_000);
      expect(ttl).toBeLessThanOrEqual(120_000);
    }
    const producer = randomUUID();
    const req = { url: rig.url('/json'), method: 'GET', headers: {} };
    await rig.addRaw('orphan', { v: 1, req, at: 1, replyTo: producer });
    await until(async () => (await rig.redis.exists(rig.keys.replies(producer))) === 1);
    const ttl = await rig.redis.pttl(rig.keys.replies(producer));
    expect(ttl).toBeGreaterThan(30_000);
    expect(ttl).toBeLessThanOrEqual(90_000);
    const refused = rig.sluice.enqueueMany([], { batch: 'x', batchKeepMs: 1 }).next();
    await expect(refused).rejects.toMatchObject({ code: 'SLUICE_INVALID_SPEC' });
  });
});

test('a queue that is removed and created again knows nothing of its former ids, keys and attempts', async () => {
  await using rig = await Rig.open({ policy: { delivery: 'at-most-once' } });
  const specs = [
    { url: rig.url('/json'), method: 'POST', id: 'own' },
    { url: rig.url('/json'), method: 'POST', idempotencyKey: 'order-7' },
  ];
  const endAll = async () => {
    for (const spec of specs) {
      const { outcome } = await (await rig.sluice.enqueue(spec)).outcome();
      expect(outcome.kind).toBe('response');
    }
  };
  await endAll();
  // As a worker leaves it that dies before it can take it away.
  await rig.redis.hset(rig.keys.sent(rig.queue, 'own'), '0', 'token');
  await rig.sluice.queues.remove(rig.queue);
  expect(await rig.redis.keys(`${rig.prefix}/record/*`)).toEqual([]);
  expect(await rig.redis.keys(`${rig.prefix}/sent/*`)).toEqual([]);
  const { endless } = await survey(rig);
  expect(endless).toEqual([]);
  expect(await rig.redis.exists(rig.keys.due)).toBe(0);
  await rig.sluice.policies.set(rig.queue, { egress: loopback, retry: quick });
  await endAll();
  expect(await rig.seen()).toHaveLength(4);
});

test('an at-most-once job with an id that was used before is sent, whatever was left of the one before', async () => {
  await using rig = await Rig.open({ policy: { delivery: 'at-most-once' } });
  const spec = { url: rig.url('/json'), method: 'POST', id: 'own' };
  for (const round of [1, 2]) {
    // As a worker leaves it that dies before it can take it away.
    if (round === 2) await rig.redis.hset(rig.keys.sent(rig.queue, 'own'), '0', 'token');
    const response = await rig.sluice.fetch(spec.url, { method: 'POST', id: 'own' });
    expect(response.status).toBe(200);
    await until(async () => (await rig.redis.exists(rig.keys.bull(rig.queue).job('own'))) === 0);
    await rig.redis.unlink(rig.keys.outcome(rig.queue, 'own'));
  }
  expect(await rig.seen()).toHaveLength(2);
});
