import { expect, test } from 'vitest';
import { type Policy, type PolicyInput, policySchema } from '@sluice/shared';
import { type RawPolicyOptions, patchPolicy } from '../src/queue/policy-patch.ts';

const policy = (input: PolicyInput): Policy => policySchema.parse(input);
const patch = (before: PolicyInput | null, raw: RawPolicyOptions) =>
  patchPolicy(before === null ? null : policy(before), raw);

test('only what is named changes', () => {
  const before: PolicyInput = {
    rate: '100/60s',
    origin: 'https://api.test',
    concurrency: { worker: 5, global: 50 },
    retry: { attempts: 3, base: '5s', statuses: [429] },
    egress: { allow: ['10.0.0.0/8'], allowHosts: ['api.corp.internal'], ports: [443] },
    maxRedirects: 0,
  };
  expect(patch(before, {})).toEqual(policy(before));
  expect(patch(before, { timeout: '5s', attempts: '9', concurrency: '7', allowNet: ['::1/128'] })).toEqual(
    policy({
      ...before,
      timeout: '5s',
      concurrency: { worker: 7, global: 50 },
      retry: { attempts: 9, base: '5s', statuses: [429] },
      egress: { allow: ['::1/128'], allowHosts: ['api.corp.internal'], ports: [443] },
    }),
  );
});

test('the ports are named, and taken away', () => {
  const egress: PolicyInput['egress'] = { allow: ['10.0.0.0/8'], allowHosts: ['api.corp.internal'] };
  const named = patch({ egress }, { ports: '443, 9200' });
  expect(named).toEqual(policy({ egress: { ...egress, ports: [443, 9200] } }));
  expect(patch(named, { ports: '80', allowNet: false }).egress).toEqual({
    ...egress,
    allow: [],
    ports: [80],
  });
  expect(patch(named, { ports: false })).toEqual(policy({ egress }));
});

test('where there is no policy, the rest is the default', () => {
  expect(patch(null, { rate: '50/60s' })).toEqual(policy({ rate: '50/60s' }));
  expect(patch(null, {})).toEqual(policy({}));
});

test('a new rate keeps shape, adaptive, and what else was given; defaults become those of the new window', () => {
  expect(patch({ rate: '5/100ms' }, { rate: '50/60s' })).toEqual(policy({ rate: '50/60s' }));
  const own: PolicyInput = {
    rate: { limit: 5, per: '1s', burst: 2, slack: 9, adaptive: false },
  };
  expect(patch(own, { rate: '50/60s' }).rate).toEqual({
    limit: 50,
    per: 60_000,
    shape: 'smooth',
    burst: 2,
    slack: 9,
    adaptive: false,
    text: '50/60s',
  });
});

test('shape, slack and adaptive change the rate in force', () => {
  expect(patch({ rate: '5/s' }, { shape: 'fixed', slack: '10ms', adaptive: false }).rate).toEqual({
    limit: 5,
    per: 1000,
    shape: 'fixed',
    burst: 5,
    slack: 10,
    adaptive: false,
    text: '5/s',
  });
  expect(() => patch({}, { shape: 'fixed' })).toThrow(
    /--shape, --burst, --slack and --adaptive .* add --rate/,
  );
  expect(() => patch({ rate: '5/s' }, { rate: false, slack: '1ms' })).toThrow(/add --rate/);
});

test('--no-… takes away', () => {
  const before: PolicyInput = {
    rate: '5/s',
    origin: 'https://api.test',
    concurrency: { worker: 5, global: 50 },
    egress: { allow: ['10.0.0.0/8'] },
  };
  const without = {
    rate: false,
    origin: false,
    concurrency: false,
    globalConcurrency: false,
    allowNet: false,
  } as const;
  expect(patch(before, without)).toEqual(policy({}));
});

test('every fault names its option', () => {
  const raw = {
    rate: '5/fortnight',
    concurrency: 'many',
    globalConcurrency: '0',
    attempts: '-1',
    timeout: '30',
    origin: 'api.test',
    allowNet: ['127.0.0.x,10.0.0.0/8'],
    ports: '443,https',
    maxBody: '1 horse',
    maxHold: '2d',
  };
  const lines = (() => {
    try {
      patch(null, raw);
      return [];
    } catch (error) {
      return (error as Error).message.split('\n  ').map((line) => line.replace(/: .*/, ''));
    }
  })();
  expect(lines.sort()).toEqual(
    [
      '--rate',
      '--concurrency',
      '--global-concurrency',
      '--attempts',
      '--timeout',
      '--origin',
      '--allow-net',
      '--ports',
      '--max-body',
      '--max-hold',
    ].sort(),
  );
});
