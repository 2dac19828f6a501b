import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  type Policy,
  decodeSettled,
  encodeSettled,
  outcomeKinds,
  policySchema,
  readStoredPolicy,
} from '../../packages/shared/src/index.ts';
import { JobError, responseOf } from '../../packages/producer/src/job-error.ts';
import { Rig, until } from '../../packages/worker/test/rig.ts';

const folder = (name: string) => fileURLToPath(new URL(`${name}/`, import.meta.url));
const filesOf = (name: string) =>
  readdirSync(folder(name)).map((file) => [file, readFileSync(folder(name) + file)] as const);

describe('a policy that another version stored', () => {
  test.each(filesOf('policies'))('%s is read, with defaults for missing fields', (_file, bytes) => {
    const held = JSON.parse(bytes.toString()) as Policy;
    const policy = readStoredPolicy('q', bytes.toString());
    expect(policySchema.safeParse(policy).success).toBe(true);
    // Half the slack, since then.
    const { permitAge: _, ...rate } = held.rate as Policy['rate'] & { permitAge?: number };
    expect(policy).toMatchObject({ ...held, rate });
  });

  test('without newer fields is served, shown, changed and found to be the same', async () => {
    await using rig = await Rig.open({ policy: { timeout: '9s' } });
    const key = rig.keys.policy(rig.queue);
    const { maxHold: _, retry, ...older } = JSON.parse((await rig.redis.hget(key, 'json'))!) as Policy;
    const { jitter: __, ...olderRetry } = retry;
    await rig.redis.hset(key, 'json', JSON.stringify({ ...older, retry: olderRetry }));
    await rig.startPool();

    const { policies, queues } = rig.sluice;
    expect((await queues.show(rig.queue)).policy).toMatchObject({ maxHold: 900_000, retry: { jitter: 0.5 } });
    // The pool that has just started read the older policy.
    expect((await rig.end('/status/503?times=1')).outcome).toMatchObject({ kind: 'response', attempts: 2 });
    const { egress, timeout } = older;
    const same = { egress, timeout, retry: olderRetry };
    expect(await policies.create(rig.queue, same)).toBe('same');
    const { after } = await policies.update(rig.queue, (before) => ({ ...before!, timeout: '8s' }));
    expect(after).toMatchObject({ timeout: 8000, maxHold: 900_000 });
  });

  test('with a field of a newer one is served, but an older version cannot write it back', async () => {
    await using rig = await Rig.open();
    const key = rig.keys.policy(rig.queue);
    const written = JSON.parse((await rig.redis.hget(key, 'json'))!) as Policy;
    await rig.redis.hset(key, 'json', JSON.stringify({ ...written, proxy: 'x' }));
    await rig.startPool();
    expect((await rig.end('/json')).outcome.kind).toBe('response');
    const change = rig.sluice.policies.update(rig.queue, (before) => ({ ...before!, timeout: '8s' }));
    await expect(change).rejects.toMatchObject({
      code: 'SLUICE_INVALID_POLICY',
      faults: [{ path: 'proxy', message: expect.stringContaining('unknown field') as string }],
    });
  });

  test('that cannot be read leaves the queue with the policy before, and the other queues with theirs', async () => {
    await using rig = await Rig.open();
    expect((await rig.end('/json')).outcome.kind).toBe('response');
    for (const json of ['{', JSON.stringify({ delivery: 'exactly-once' })]) {
      await rig.redis.hset(rig.keys.policy(rig.queue), 'json', json);
      await rig.redis.hincrby(rig.keys.policy(rig.queue), 'version', 1);
      await rig.redis.hincrby(rig.keys.queues, rig.queue, 1);
      const name = `other-${json.length}`;
      await rig.sluice.policies.create(name, { egress: { allow: ['127.0.0.0/8'] } });
      const other = await rig.sluice.fetch(rig.url('/json'), { queue: name });
      expect(other.status).toBe(200);
      expect((await rig.end('/json')).outcome.kind).toBe('response');
      await expect(rig.sluice.queues.show(rig.queue)).rejects.toMatchObject({
        code: 'SLUICE_INVALID_POLICY',
      });
      // Whoever has to stop it can.
      await rig.sluice.queues.pause(rig.queue);
      await rig.sluice.queues.resume(rig.queue);
    }
    expect(await rig.sluice.policies.set(rig.queue, { egress: { allow: ['127.0.0.0/8'] } })).toBe('changed');
    expect((await rig.sluice.queues.show(rig.queue)).policy.delivery).toBe('at-least-once');
  });
});

describe('an outcome that another version wrote', () => {
  const open = () => Promise.reject(new Error('there is none'));
  const job = { id: 'j', queue: 'q' };

  test.each(filesOf('outcomes'))('%s is read', (file, bytes) => {
    const { outcome, body } = decodeSettled(bytes)!;
    expect(outcome.kind).toBe(file.replace('.bin', ''));
    expect(outcome.attempts).toBeGreaterThanOrEqual(0);
    expect(encodeSettled(outcome, body).equals(bytes)).toBe(true);
    if (outcome.kind === 'response') {
      const response = responseOf({ outcome, body }, open, job);
      expect([response.status, response.text(), response.headers.getSetCookie()]).toEqual([
        200,
        'Grüße\n',
        ['a', 'b'],
      ]);
    } else expect(() => responseOf({ outcome, body }, open, job)).toThrow(JobError);
  });

  test('each kind has a file', () => {
    const held = filesOf('outcomes').map(([file]) => file.replace('.bin', ''));
    expect(held.sort()).toEqual([...outcomeKinds].sort());
  });

  test.each([
    [
      'a kind of a newer version',
      '{"kind":"moderated","attempts":1,"error":{"code":"SLUICE_MODERATED","message":"no"}}\n',
      'SLUICE_MODERATED',
    ],
    ['a kind of a newer one, and no error', '{"kind":"moderated","attempts":1}\n', 'SLUICE_INTERNAL'],
    ['no outcome', '7\n', 'SLUICE_INTERNAL'],
    ['not JSON', '{"kind":\n', 'SLUICE_INTERNAL'],
  ])('%s is a failure to whoever awaits it, and no crash', async (_name, bytes, code) => {
    await using rig = await Rig.open({ idle: true });
    const handle = await rig.sluice.enqueue(rig.url('/json'));
    const another = await rig.sluice.enqueue(rig.url('/json'));
    const result = handle.result().catch((error: unknown) => error);
    const stream = rig.keys.replies(
      JSON.parse((await rig.redis.hget(rig.keys.bull(rig.queue).job(handle.id), 'data'))!).replyTo as string,
    );
    await rig.redis.xadd(stream, '*', 'id', `${rig.queue}/${handle.id}`, 'settled', bytes);
    expect(await result).toMatchObject({ code });
    // The reading goes on.
    await rig.startPool();
    expect((await another.result()).status).toBe(200);
    await until(async () => (await rig.bull.getJobCountByTypes('wait', 'active')) === 0);
  });
});
