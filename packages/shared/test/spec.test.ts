import { describe, expect, test } from 'vitest';
import { SluiceError, normalSpecSchema, validate } from '../src/index.ts';

const url = 'https://a.test/x';
const parse = (input: unknown) => validate(normalSpecSchema, input, 'SLUICE_INVALID_SPEC', 'job spec');
const requestOf = (input: object) => parse({ url, ...input }).request;

function faultsOf(input: unknown): Record<string, string> {
  try {
    parse(input);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]));
  }
  return {};
}

describe('a spec with nothing but a URL', () => {
  test('is a GET of that URL', () => {
    expect(parse({ url })).toMatchObject({ request: { url, method: 'GET', headers: {} } });
  });

  test.each([
    ['no url', {}, 'expected a URL'],
    ['an empty one', { url: '' }, 'is empty'],
    ['a relative one', { url: '/x' }, 'is not an absolute URL'],
    ['one without a host', { url: 'http://' }, 'is not an absolute URL'],
    ['one with another scheme', { url: 'file:///etc/passwd' }, 'the scheme "file:" is not allowed'],
    ['one with a script', { url: 'javascript:alert(1)' }, 'the scheme "javascript:" is not allowed'],
    ['one with a password', { url: 'http://u:p@a.test/' }, 'has a user name or password'],
    ['one with a line break', { url: 'http://a.test/\r\nHost: b' }, 'has a control character'],
    ['a number', { url: 5 }, 'expected a URL as text'],
  ])('is refused when there is %s', (_, input, message) => {
    expect(faultsOf(input)['url']).toContain(message);
  });
});

describe('the method', () => {
  test('is GET, or POST where there is a body, or the one that is named, in any case', () => {
    expect(requestOf({}).method).toBe('GET');
    for (const body of [{ body: '' }, { json: null }, { form: {} }, { bodyBase64: '' }]) {
      expect(requestOf(body).method).toBe('POST');
    }
    expect(requestOf({ method: 'patch', body: 'x' }).method).toBe('PATCH');
    expect(requestOf({ method: 'delete' })).not.toHaveProperty('body');
  });

  test.each(['CONNECT', 'TRACE', 'BREW', '', 'GET '])('is not %j', (method) => {
    expect(faultsOf({ url, method })['method']).toContain('must be one of GET, HEAD');
  });

  test.each(['GET', 'HEAD'])('%s goes without a body: the field that has it is named', (method) => {
    expect(faultsOf({ url, method, json: 1 })).toEqual({
      json: `a ${method} request has no body; use POST, or drop it`,
    });
  });
});

describe('the body', () => {
  test('is text, bytes, JSON or a form, with its content type unless a header has one', () => {
    expect(requestOf({ body: 'text' })).toMatchObject({ body: 'text', headers: {} });
    expect(requestOf({ bodyBase64: 'AP8=' })).toMatchObject({ body: 'AP8=', base64: true, headers: {} });
    expect(requestOf({ json: { a: [1, 'ü'] } })).toMatchObject({
      body: '{"a":[1,"ü"]}',
      headers: { 'content-type': 'application/json' },
    });
    expect(requestOf({ form: { a: '1 2', b: 'ü&' } })).toMatchObject({
      body: 'a=1+2&b=%C3%BC%26',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    const headers = { 'Content-Type': 'application/vnd.api+json' };
    expect(requestOf({ json: 1, headers }).headers).toEqual({ 'content-type': 'application/vnd.api+json' });
  });

  test('is given once', () => {
    expect(faultsOf({ url, body: 'x', json: 1 })).toEqual({ '': 'has body and json; give the body once' });
  });

  test.each(['AP8', 'A===', 'ä', 'AP-_'])('%j is not base64', (bodyBase64) => {
    expect(faultsOf({ url, bodyBase64 })['bodyBase64']).toBe('must be base64');
  });
});

describe('a value of JSON', () => {
  const nested = (deep: number) => JSON.parse('['.repeat(deep) + ']'.repeat(deep)) as unknown;
  const objects = (deep: number) => JSON.parse('{"a":'.repeat(deep) + '1' + '}'.repeat(deep)) as unknown;
  const cyclic: Record<string, unknown> = {};
  Object.assign(cyclic, { self: cyclic, again: [cyclic, cyclic] });
  class Point {
    x = 1;
  }

  test.each([1001, 2000, 3000, 100_000])('nested %d deep is a fault of the spec', (deep) => {
    for (const value of [nested(deep), objects(deep)]) {
      expect(faultsOf({ url, json: value })).toEqual({ json: 'is nested more than 1000 deep' });
      expect(faultsOf({ url, meta: value })).toEqual({ meta: 'is nested more than 1000 deep' });
      expect(faultsOf({ url, json: { list: [value] } })).toEqual({ json: 'is nested more than 1000 deep' });
    }
  });

  test('nested 1,000 deep is enqueued', () => {
    expect(requestOf({ json: nested(1000) }).body).toBe('['.repeat(1000) + ']'.repeat(1000));
    expect(requestOf({ json: objects(1000) }).body).toHaveLength(6001);
    expect(JSON.stringify(parse({ url, meta: nested(1000) }).meta)).toHaveLength(2000);
  });

  test.each([
    ['a cycle', cyclic, 'is not JSON: Converting circular structure to JSON'],
    ['undefined', { a: undefined }, 'holds undefined, which JSON does not have'],
    // oxlint-disable-next-line no-sparse-arrays -- the hole is what is refused
    ['a hole', [1, , 2], 'holds undefined, which JSON does not have'],
    ['NaN', [Number.NaN], 'holds NaN, which JSON does not have'],
    ['a Date', { at: new Date(0) }, 'holds an object of the class Date, which JSON does not have'],
    ['a Map', new Map(), 'holds an object of the class Map, which JSON does not have'],
    ['a class', [new Point()], 'holds an object of the class Point, which JSON does not have'],
    ['a function', () => 1, 'holds a function, which JSON does not have'],
    ['a bigint', { n: 1n }, 'is not JSON: Do not know how to serialize a BigInt'],
  ])('with %s is a fault of the spec', (_, value, message) => {
    expect(faultsOf({ url, json: value })).toEqual({ json: message });
    expect(faultsOf({ url, meta: value })).toEqual({ meta: message });
  });

  test('is what it was when it was given', () => {
    const meta = { list: [1] };
    const spec = parse({ url, meta });
    meta.list.push(2);
    expect(spec).toMatchObject({ meta: { list: [1] } });
  });

  test('is at most 4 KiB in meta', () => {
    expect(faultsOf({ url, meta: 'x'.repeat(4094) })).toEqual({});
    expect(faultsOf({ url, meta: 'x'.repeat(4095) })).toEqual({ meta: 'is larger than 4 KiB as JSON' });
  });
});

describe('a time', () => {
  test.each([
    [2 ** 53, 'must be less than 2^53 ms'],
    [1e300, 'must be less than 2^53 ms'],
    [-1, 'must not be before 1970'],
  ])('%d is a fault', (ms, message) => {
    expect(faultsOf({ url, runAt: ms })).toEqual({ runAt: message });
    expect(faultsOf({ url, deadline: ms })).toEqual({ deadline: message });
  });

  test.each([1.5, Number.NaN, 'tomorrow'])('%j is a fault', (runAt) => {
    expect(Object.keys(faultsOf({ url, runAt }))).toEqual(['runAt']);
  });

  test('just below is none', () => {
    expect(parse({ url, runAt: 2 ** 53 - 1, deadline: 2 ** 53 - 1 })).toMatchObject({ runAt: 2 ** 53 - 1 });
  });
});

describe('headers', () => {
  test('are in lower case and trimmed', () => {
    expect(requestOf({ headers: { 'X-One': ' 1 ', ACCEPT: 'a, b' } }).headers).toEqual({
      'x-one': '1',
      accept: 'a, b',
    });
  });

  test.each([
    'Host',
    'content-length',
    'Transfer-Encoding',
    'connection',
    'TE',
    'upgrade',
    'proxy-authorization',
    'expect',
  ])('do not name %s, which belongs to the connection', (name) => {
    expect(faultsOf({ url, headers: { [name]: 'x' } })).toEqual({
      [`headers.${name}`]: 'belongs to the connection and is set by the worker; remove it',
    });
  });

  test('have names and values that a request can hold', () => {
    expect(
      faultsOf({
        url,
        headers: { 'a b': 'x', '': 'x', 'x-a': 'a\r\nb', 'x-b': 'a\u0000', 'x-c': 'Ā', 'x-d': 5 },
      }),
    ).toMatchObject({ 'headers.x-d': 'must be text' });
    for (const headers of [{ 'a b': 'x' }, { ä: 'x' }, { '': 'x' }]) {
      expect(Object.values(faultsOf({ url, headers }))).toEqual(['is not a header name']);
    }
    for (const value of ['a\r\nb', 'a\nb', 'a\u0000', 'Ā', '\u007f']) {
      expect(faultsOf({ url, headers: { 'x-a': value } })['headers.x-a']).toContain('cannot hold');
    }
    expect(requestOf({ headers: { 'x-a': 'grüße\ttab' } }).headers).toEqual({ 'x-a': 'grüße\ttab' });
  });
});

describe('the rest of a spec', () => {
  test('is kept as it is', () => {
    const rest = { timeoutMs: 5, attempts: 1, deadline: 9, delayMs: 0, id: 'job-1' };
    expect(parse({ url, ...rest })).toMatchObject(rest);
  });

  test.each([
    ['timeoutMs', 0],
    ['timeoutMs', 3_600_001],
    ['timeoutMs', 1.5],
    ['attempts', 0],
    ['attempts', 101],
    ['deadline', -1],
    ['delayMs', -1],
    ['id', ''],
    ['id', '123'],
    ['id', 'a/b'],
    ['id', 'a:b'],
    ['id', 'x'.repeat(129)],
    ['id', 'wait'],
    ['id', 'stalled-check'],
  ])('has limits: %s is not %j', (name, value) => {
    expect(Object.keys(faultsOf({ url, [name]: value }))).toEqual([name]);
  });

  test('has every fault listed at once, an unknown field too', () => {
    const faults = faultsOf({
      url: 'ftp://a',
      method: 'BREW',
      attempts: 0,
      retries: 5,
      headers: { host: 'b' },
    });
    expect(Object.keys(faults).sort()).toEqual(['attempts', 'headers.host', 'method', 'retries', 'url']);
  });

  test.each([null, undefined, 5, [], 'text'])('is an object, not %j', (input) => {
    expect(() => parse(input)).toThrow(SluiceError);
  });
});
