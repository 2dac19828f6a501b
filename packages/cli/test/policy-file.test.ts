import { expect, test } from 'vitest';
import { SluiceError, policySchema } from '@sluice/shared';
import { parsePolicyFile } from '../src/queue/policy-file.ts';

const faultsOf = (text: string): string[] => {
  try {
    parsePolicyFile(text, 'q.yaml');
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'SLUICE_INVALID_POLICY')
      return error.message.split('\n  ');
    throw error;
  }
  throw new Error('no fault was found');
};

test('a policy is read with its defaults; a name alone is the default policy', () => {
  const file = parsePolicyFile(
    'queues:\n  github: { rate: 5000/h }\n  "1": { timeout: 5s }\n  plain:\n',
    'q.yaml',
  );
  expect([...file.keys()].sort()).toEqual(['1', 'github', 'plain']);
  expect(file.get('github')).toEqual(policySchema.parse({ rate: '5000/h' }));
  expect(file.get('plain')).toEqual(policySchema.parse({}));
});

test('JSON is read, too, with a byte order mark and tabs', () => {
  const file = parsePolicyFile(
    '\uFEFF{\n\t"queues": {\n\t\t"a": {\n\t\t\t"rate": "1/s"\n\t\t}\n\t}\n}\n',
    'q.json',
  );
  expect(file.get('a')).toEqual(policySchema.parse({ rate: '1/s' }));
});

test('queues can share fields by anchors and merge keys, kept under an x- field', () => {
  const text =
    'x-partner: &partner { timeout: 5s, maxRedirects: 0 }\nqueues:\n  a:\n    <<: *partner\n    maxRedirects: 2\n';
  expect(parsePolicyFile(text, 'q.yaml').get('a')).toMatchObject({ timeout: 5000, maxRedirects: 2 });
});

test('every fault is listed with its line and path, in the order of the file', () => {
  const text = [
    'queues:',
    '  github:',
    '    rate: { limit: 0, per: 10ms }',
    '    origin: https://api.github.com/v3',
    '    nope: 1',
    '  a b:',
    '    retry:',
    '      statuses: [429, 42]',
    'other: 1',
  ].join('\n');
  expect(faultsOf(text)).toEqual([
    'q.yaml:3: queues.github.rate.limit: must be at least 1',
    'q.yaml:3: queues.github.rate.per: must be between 100ms and 31d',
    expect.stringMatching(/^q\.yaml:4: queues\.github\.origin: must be an origin/),
    'q.yaml:5: queues.github.nope: unknown field; check its spelling or remove it',
    expect.stringMatching(/^q\.yaml:7: queues\.a b: a queue's name must be/),
    expect.stringMatching(/^q\.yaml:8: queues\.a b\.retry\.statuses\[1\]: /),
    'q.yaml:9: other: unknown field; only "queues" and "x-…" are allowed at the top level',
  ]);
});

test('text that is no YAML, and a queue written twice, are faults with their lines', () => {
  expect(faultsOf('queues:\n  a: { rate: 1/s\n  b:\n')[0]).toMatch(/^q\.yaml:\d: /);
  expect(faultsOf('queues:\n  a: { rate: 1/s }\n  a: { rate: 2/s }\n')).toEqual([
    expect.stringMatching(/^q\.yaml:3: Map keys must be unique/),
  ]);
});

test.each(['', '[]', 'queues:', 'queues: {}', 'queues: [a]', 'hello'])(
  'a file without queues says so: %j',
  (text) => {
    expect(faultsOf(text)[0]).toMatch(/^q\.yaml: has no queues; write/);
  },
);

test('a bomb of aliases is refused, not unfolded', () => {
  const level = (n: number) =>
    `x-${n}: &x${n} [${Array(10)
      .fill(`*x${n - 1}`)
      .join(',')}]`;
  const text = `x-0: &x0 [a]\n${[1, 2, 3, 4, 5, 6, 7, 8].map(level).join('\n')}\nqueues: { a: { rate: 1/s } }\n`;
  expect(faultsOf(text)[0]).toMatch(/alias/i);
});
