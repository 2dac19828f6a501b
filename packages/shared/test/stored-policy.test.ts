import { expect, test } from 'vitest';
import { policySchema, readStoredPolicy, storedPolicy } from '@sluice/shared';

const read = (value: unknown) => readStoredPolicy('q', JSON.stringify(value));

test('a policy of an older version has the defaults of the fields that it lacks, at every depth', () => {
  expect(read({})).toEqual(policySchema.parse({}));
  const { maxHold: _, ...older } = policySchema.parse({ rate: '5/1s', retry: { attempts: 2 } });
  const { jitter: __, ...retry } = older.retry;
  expect(read({ ...older, retry })).toEqual(policySchema.parse({ rate: '5/1s', retry: { attempts: 2 } }));
});

test('a slack that an older version took is read, and is a fault of who writes it back', () => {
  const rate = { limit: 5, per: 100, shape: 'smooth', slack: 60_000, permitAge: 50, adaptive: true };
  const policy = read({ rate });
  expect(policy.rate).toEqual({
    limit: 5,
    per: 100,
    shape: 'smooth',
    burst: 1,
    slack: 60_000,
    adaptive: true,
  });
  expect(policySchema.safeParse(policy).error?.issues).toMatchObject([{ path: ['rate', 'slack'] }]);
});

test('the text that a rate was given as lies beside it, unless the rate is another one by now', () => {
  const policy = policySchema.parse({ rate: '100/min' });
  const stored = storedPolicy(policy);
  expect(stored).toBe(storedPolicy(policySchema.parse({ rate: '100/60s' })));
  expect(readStoredPolicy('q', stored, '100/min')).toEqual(policy);
  expect(readStoredPolicy('q', stored, '99/min').rate).not.toHaveProperty('text');
  expect(readStoredPolicy('q', stored, null).rate).not.toHaveProperty('text');
});

test('a field of a newer version is kept, and does not keep the others from having their defaults', () => {
  const policy = read({ rate: '5/1s', proxy: { url: 'x' }, retry: { attempts: 2, budget: 0.1 } });
  expect(policy).toMatchObject({
    rate: { limit: 5, per: 1000 },
    proxy: { url: 'x' },
    retry: { attempts: 2, budget: 0.1, factor: 2 },
    maxRedirects: 5,
  });
  // Who writes it back is told.
  expect(policySchema.safeParse(policy).success).toBe(false);
});

test.each([
  ['{', 'it is not JSON'],
  ['null', 'must be an object'],
  ['{"delivery":"exactly-once"}', 'delivery: '],
  ['{"delivery":"exactly-once","proxy":1}', 'delivery: '],
])('%s is refused, with the queue and the fault', (json, fault) => {
  const message = 'the stored policy of queue "q" cannot be read by this version: ';
  expect(() => readStoredPolicy('q', json)).toThrow(new RegExp(`^${message}.*${fault}`));
});

test('a policy reads back as it was written, and 0.1 finds what it knows', () => {
  for (const rate of [
    '5/1s',
    { limit: 5, per: '1s', burst: 2 },
    { limit: 5, per: '1s', shape: 'fixed' },
    null,
  ] as const) {
    const policy = policySchema.parse({ rate });
    expect(readStoredPolicy('q', storedPolicy(policy), policy.rate?.text)).toEqual(policy);
  }
  const { rate } = JSON.parse(
    storedPolicy(policySchema.parse({ rate: { limit: 5, per: '1s', shape: 'fixed' } })),
  ) as {
    rate: object;
  };
  expect(rate).toMatchObject({
    limit: 5,
    per: 1000,
    shape: 'burst',
    slack: 30,
    permitAge: 15,
    adaptive: true,
  });
});

test('a rate of 0.1 is spaced evenly, as it was', () => {
  const rate = { limit: 5, per: 1000, shape: 'smooth', slack: 30, permitAge: 15, adaptive: true };
  expect(read({ rate }).rate?.burst).toBe(1);
});
