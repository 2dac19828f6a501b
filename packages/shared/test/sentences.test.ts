import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type SluiceError, jobSpecSchema, normalSpecSchema, policySchema, validate } from '../src/index.ts';
import { retryPolicySchema } from '../src/policy/retry-policy.ts';
import { similar } from '../src/fields/similar.ts';
import { sentences } from '../src/sentences.ts';

const zodsOwn = z.locales.en().localeError;

/** What zod says of itself: its sentences, and its fallback. */
const zodWords =
  /^(Invalid|Too (small|big)|Unrecognized|Required|Unexpected)|expected (string|number|int|nan|boolean|array|object|record|tuple|date)\b|received /;

const bad: unknown[] = [
  undefined,
  null,
  5,
  -1,
  0,
  1.5,
  1e300,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 60,
  '',
  'x',
  'x'.repeat(5000),
  '\u0000',
  true,
  [],
  [5],
  [null],
  [[1, 2, 3]],
  ['x', 'x'],
  {},
  { x: 5 },
  { '': '' },
  new Date(Number.NaN),
  new Map([[1, 2]]),
  Symbol('x'),
  () => 1,
  10n,
];

/** The fields of an object schema, by their paths, however they are wrapped. */
function pathsOf(schema: z.ZodType, path: string[] = []): string[][] {
  const { def } = schema._zod as unknown as { def: Record<string, unknown> };
  const inner = (def['innerType'] ?? def['in']) as z.ZodType | undefined;
  if (def['shape'] !== undefined) {
    const fields = Object.entries(def['shape'] as Record<string, z.ZodType>);
    return [path, ...fields.flatMap(([name, field]) => pathsOf(field, [...path, name]))];
  }
  const more = def['out'] as z.ZodType | undefined;
  return [
    ...(inner === undefined ? [path] : pathsOf(inner, path)),
    ...(more === undefined ? [] : pathsOf(more, path)),
  ];
}

const nested = (path: string[], value: unknown): unknown =>
  path.length === 0 ? value : { [path[0]!]: nested(path.slice(1), value) };

/** Issues inside the branches of unions are not shown. */
const issuesOf = (schema: z.ZodType, input: unknown) =>
  schema.safeParse(input, { error: sentences }).error?.issues ?? [];

const url = 'https://a.test/';
const schemas: [string, z.ZodType, object][] = [
  ['a spec', jobSpecSchema, { url }],
  ['a normal spec', normalSpecSchema, { url }],
  ['a policy', policySchema, {}],
  ['a rate', policySchema.shape.rate, { limit: 1, per: 1000 }],
  ['a retry policy', retryPolicySchema, {}],
];

describe.each(schemas)('the faults of %s', (_name, schema, rest) => {
  const paths = [...new Map(pathsOf(schema).map((path) => [path.join('.'), path])).values()];

  test('are found in all its fields', () => {
    expect(paths.length).toBeGreaterThan(3);
  });

  test.each(paths.map((path) => [path.join('.'), path] as const))('%s are in our words', (_path, path) => {
    for (const value of bad) {
      const input = path.length === 0 ? value : { ...rest, ...(nested(path, value) as object) };
      for (const issue of issuesOf(schema, input)) {
        const { message, ...raw } = issue;
        const own = zodsOwn(raw as never);
        expect(message, `${path.join('.')}: ${String(value)}`).not.toMatch(zodWords);
        expect(message).not.toBe(typeof own === 'string' ? own : own?.message);
        expect(message).not.toMatch(/undefined|\[object/);
      }
    }
  });
});

function messages(input: object, schema: z.ZodType = normalSpecSchema): Record<string, string> {
  try {
    validate(schema, input, 'SLUICE_INVALID_SPEC', 'spec');
  } catch (error) {
    return Object.fromEntries((error as SluiceError).faults.map(({ path, message }) => [path, message]));
  }
  return {};
}

test('a fault says what is right', () => {
  const input = { url, attempts: 0, priority: 1.5, transform: '', timeoutMs: 4e6, delivery: 'once', form: 5 };
  expect(messages(input)).toEqual({
    attempts: 'must be at least 1',
    priority: 'must be a whole number',
    transform: 'must have at least 1 character',
    timeoutMs: 'must be at most 3600000',
    delivery: 'must be one of at-least-once, at-most-once',
    form: 'must be an object',
  });
  expect(messages({ rate: {} }, policySchema)['rate.limit']).toBe('must be a whole number of requests');
});

test('an unknown field is answered with the name that was meant', () => {
  expect(messages({ url, methd: 'GET', timeuotMs: 5, retries: 2, nothing: 1, retry: { bsae: 5 } })).toEqual({
    methd: 'unknown field; did you mean "method"?',
    timeuotMs: 'unknown field; did you mean "timeoutMs"?',
    retries: 'unknown field; did you mean "attempts"?',
    nothing: 'unknown field; check its spelling or remove it',
    'retry.bsae': 'unknown field; did you mean "base"?',
  });
  expect(messages({ orgin: 'x', rate: { limit: 1, per: '1s', limti: 3 } }, policySchema)).toEqual({
    orgin: 'unknown field; did you mean "origin"?',
    'rate.limti': 'unknown field; did you mean "limit"?',
  });
});

test('a name is similar if few of its letters differ', () => {
  expect(similar('URL', ['url', 'form'])).toBe('url');
  expect(similar('limti', ['limit'])).toBe('limit');
  expect(similar('x', ['url', 'id'])).toBeNull();
  expect(similar('', ['url'])).toBeNull();
  expect(similar('constructor', ['url'])).toBeNull();
  expect(similar('x'.repeat(100_000), ['url'])).toBeNull();
});
