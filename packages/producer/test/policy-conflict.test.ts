import { once } from 'node:events';
import { policySchema } from '@sluice/shared';
import { describe, expect, inject, test } from 'vitest';
import { type ConnectOptions, conflicts, connect } from '../src/index.ts';
import { Rig } from '../../worker/test/rig.ts';

describe('what code says of a queue that has a policy', () => {
  const policy = policySchema.parse({
    rate: { limit: 100, per: '60s', slack: 10 },
    concurrency: { worker: 5, global: 9 },
    retry: { attempts: 3, jitter: 0.1 },
    egress: { allow: ['10.0.0.0/8'] },
  });

  test.each([
    [{}],
    [{ rate: '100/1m' }],
    [{ rate: { limit: 100, per: 60_000 }, retry: { attempts: 3 } }],
    [{ concurrency: 5 }],
    [{ egress: {}, timeout: undefined }],
  ])('does not differ by what it does not name: %o', (given) => {
    expect(conflicts(policy, given)).toEqual([]);
  });

  test('differs by what it names', () => {
    const given = { rate: '50/60s', retry: { attempts: 4 }, timeout: '5s', egress: { allow: [] } };
    expect(conflicts(policy, given)).toEqual([
      'rate.limit: 100 -> 50',
      'retry.attempts: 3 -> 4',
      'timeout: 30000 -> 5000',
      'egress.allow: ["10.0.0.0/8"] -> []',
    ]);
    expect(conflicts(policy, { rate: null })).toEqual([expect.stringMatching(/^rate: \{.*\} -> null$/)]);
    expect(conflicts(policySchema.parse({}), { rate: '50/60s' })).toEqual([
      expect.stringContaining('rate: null -> {'),
    ]);
  });
});

describe('a queue that an operator has changed', () => {
  const changed = async (more: ConnectOptions) => {
    const rig = await Rig.open({ idle: true });
    const stored = { rate: { limit: 50, per: '60s', slack: 10 }, timeout: '5s' };
    await rig.sluice.policies.set('api', stored);
    const open = () => connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: 'api', ...more });
    const now = async () => await rig.sluice.policies.read('api');
    return {
      open,
      now,
      stored: policySchema.parse(stored),
      [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
    };
  };

  test('keeps its policy, and the process is warned once', async () => {
    await using queue = await changed({ rate: '100/60s' });
    const warnings: Error[] = [];
    const listener = (warning: Error) => warnings.push(warning);
    process.on('warning', listener);
    const warned = once(process, 'warning');
    await (await queue.open()).close();
    await (await queue.open()).close();
    await warned;
    process.off('warning', listener);
    expect(warnings.map(String)).toEqual([
      `SluiceWarning: queue "api" has another policy than this program names (rate.limit: 50 -> 100); the queue's is used. To change it for the whole fleet: sluice queue set, or onConflict: 'replace'`,
    ]);
    expect(await queue.now()).toEqual(queue.stored);
  });

  test('takes the fields that are named, where the program is told to replace them', async () => {
    await using queue = await changed({ rate: '100/60s', onConflict: 'replace' });
    await (await queue.open()).close();
    expect(await queue.now()).toMatchObject({ timeout: 5000, rate: { limit: 100, per: 60_000, slack: 10 } });
  });

  test('is an error, where the program is told to fail', async () => {
    await using queue = await changed({ rate: '100/60s', onConflict: 'fail' });
    await expect(queue.open()).rejects.toMatchObject({
      code: 'SLUICE_POLICY_CONFLICT',
      message: expect.stringMatching(
        /has another policy .*rate.limit: 50 -> 100.*sluice queue set/,
      ) as string,
    });
    expect(await queue.now()).toEqual(queue.stored);
  });
});
