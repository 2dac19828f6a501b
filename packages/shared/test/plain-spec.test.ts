import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normalSpecSchema } from '../src/index.ts';
import { plainSpec } from '../src/job/plain-spec.ts';

const urls = [
  'http://api.example.com/',
  'https://api.example.com/a?b=c#d',
  'HTTP://API.example.com:8080',
  ' http://api.example.com/ ',
  'http://api.example.com/ü',
  'http://api.example.com/a b',
  'http://api.example.com/\u0000',
  'http://api.example.com/\u0085',
  'http://user:password@api.example.com/',
  'http://user@api.example.com/',
  'http://@api.example.com/',
  'http://:@api.example.com/',
  'ftp://api.example.com/',
  '/path',
  'http://',
  '',
];

/** Mostly what is right, so that the whole spec often is. */
const mostly = <T>(right: fc.Arbitrary<T>, ...others: fc.Arbitrary<unknown>[]) =>
  fc.oneof({ weight: 6, arbitrary: right }, ...others);

const webUrl = fc.webUrl({ withQueryParameters: true, withFragments: true });
const url = mostly(
  webUrl,
  webUrl.map((text) => new URL(text)),
  fc.constantFrom(...urls),
  fc.string(),
  fc.constantFrom(undefined, null, 7, {}),
);

const names = [
  'accept',
  'Accept',
  'X-A',
  'host',
  'Content-Type',
  'proxy-a',
  'bad name',
  '',
  '__proto__',
  'constructor',
];
const value = fc.oneof(fc.string(), fc.constantFrom(' a ', '\t', 'ÿ', 'Ā', '\r\n', '\u00a0x'));
const record = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), value, {
  noNullPrototype: true,
});
const good = fc.dictionary(
  fc.constantFrom('accept', 'Accept', 'X-A', 'Content-Type', 'constructor'),
  fc.constantFrom('', 'a', ' a\t', 'ÿ', '\u00a0x'),
  { noNullPrototype: true },
);
const headers = mostly(
  fc.option(good, { nil: undefined }),
  record,
  record.map((fields) => new Map(Object.entries(fields))),
  fc.array(fc.tuple(fc.constantFrom(...names), value)),
  fc.dictionary(fc.constantFrom(...names), fc.constantFrom(1, undefined, null)),
  fc.constantFrom(null, 'accept: a', new Headers({ a: 'b' }), new Date(0)),
);

const method = mostly(
  fc.constantFrom(undefined, 'GET', 'POST', 'DELETE'),
  fc.constantFrom('get', 'TRACE', '', null, 1),
);
const deadline = mostly(
  fc.option(fc.nat(), { nil: undefined }),
  fc.constantFrom(0, -0, -1, 1.5, 2 ** 53 - 1, 2 ** 53, Number.NaN, Infinity),
  fc.date({ noInvalidDate: false }),
  fc.constantFrom('2027-01-01T08:00:00Z', null),
);

const other = fc.constantFrom<[string, unknown]>(
  ['attempts', 3],
  ['attempts', undefined],
  ['body', 'x'],
  ['id', 'mine'],
  ['priority', 1],
  ['unknown', 1],
  ['unknown', undefined],
  ['constructor', undefined],
);

const spec = fc
  .tuple(
    fc.record({ url, method, headers, deadline }, { requiredKeys: ['url'] }),
    fc.option(other, { freq: 5 }),
  )
  .map(([fields, more]) => (more === null ? { ...fields } : { ...fields, [more[0]]: more[1] }));

test('a plain spec becomes what the schema makes of it, and what the schema refuses is not plain', () => {
  let plain = 0;
  let refused = 0;
  fc.assert(
    fc.property(spec, (input) => {
      const fast = plainSpec(input);
      const { success, data } = normalSpecSchema.safeParse(input);
      if (!success) refused += 1;
      if (fast === null) return;
      plain += 1;
      expect(success).toBe(true);
      expect(fast).toStrictEqual(data);
      // Also in the order of the headers, which is that of the request.
      expect(JSON.stringify(fast)).toBe(JSON.stringify(data));
    }),
    { numRuns: 3000 },
  );
  expect(plain).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(100);
});

class Derived {
  url = 'http://api.example.com/';
}

test.each<[string, unknown, boolean]>([
  ['a URL alone', { url: 'http://api.example.com/' }, true],
  ['what fetch adds', { url: new URL('http://api.example.com/'), deadline: 1, headers: { A: ' b ' } }, true],
  ['a text', 'http://api.example.com/', false],
  ['an instance of a class', new Derived(), false],
  ['fields that are inherited', Object.create({ url: 'http://api.example.com/' }), false],
  ['a body', { url: 'http://api.example.com/', body: 'x' }, false],
  ['an unknown field', { url: 'http://api.example.com/', unknown: undefined }, false],
])('%s', (_what, input, isPlain) => {
  expect(plainSpec(input) !== null).toBe(isPlain);
});

test('what the caller changes later does not get into a plain spec', () => {
  const given = { a: 'b' };
  const made = plainSpec({ url: 'http://api.example.com/', headers: given })!;
  given.a = 'c';
  expect(made.request.headers).toEqual({ a: 'b' });
});
