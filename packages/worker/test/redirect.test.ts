import { describe, expect, test } from 'vitest';
import type { HttpRequest, Method } from '@sluice/shared';
import { BadRedirect } from '../src/http/failure.ts';
import { redirected } from '../src/pipeline/redirect.ts';

const from = new URL('https://a.test/dir/page?q=1');
const headers = {
  accept: 'text/html',
  'content-type': 'text/plain',
  'content-language': 'de',
  authorization: 'Bearer s',
  'x-api-key': 's',
  range: 'bytes=0-9',
};
const request = (method: Method): HttpRequest => ({
  url: from.href,
  method,
  headers,
  body: 'b',
  base64: true,
});

describe('a response is no redirect', () => {
  test.each([200, 201, 300, 304, 305, 306, 400, 500])('with status %d, whatever its Location', (status) => {
    expect(redirected(request('GET'), from, status, '/next')).toBeNull();
  });

  test('without a Location', () => {
    expect(redirected(request('GET'), from, 302, undefined)).toBeNull();
  });
});

describe('the method (Fetch, 4.4) after', () => {
  test.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [303, 'DELETE', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [301, 'PUT', 'PUT'],
    [302, 'DELETE', 'DELETE'],
    [301, 'HEAD', 'HEAD'],
    [307, 'POST', 'POST'],
    [308, 'PATCH', 'PATCH'],
  ] as const)('a %d of a %s is %s; the body goes with the method', (status, method, expected) => {
    const next = redirected(request(method), from, status, '/next')!;
    expect(next.method).toBe(expected);
    if (expected === method) {
      expect(next).toMatchObject({ body: 'b', base64: true });
      expect(next.headers).toEqual(headers);
    } else {
      expect(next).not.toHaveProperty('body');
      expect(next).not.toHaveProperty('base64');
      expect(next.headers).not.toHaveProperty('content-type');
      expect(next.headers).not.toHaveProperty('content-language');
      expect(next.headers).toHaveProperty('authorization');
    }
  });
});

describe('the target', () => {
  test.each([
    ['/next', 'https://a.test/next'],
    ['next', 'https://a.test/dir/next'],
    ['?r=2', 'https://a.test/dir/page?r=2'],
    ['//b.test/x', 'https://b.test/x'],
    ['https://b.test:8443/x?y#frag', 'https://b.test:8443/x?y'],
    ['', 'https://a.test/dir/page?q=1'],
    ['/grüße', 'https://a.test/gr%C3%BC%C3%9Fe'],
  ])('of "%s" is %s', (location, expected) => {
    expect(redirected(request('GET'), from, 302, location)?.url).toBe(expected);
  });

  test.each(['http://', 'http://[', 'https://a b/'])('"%s" cannot be followed', (location) => {
    expect(() => redirected(request('GET'), from, 302, location)).toThrow(BadRedirect);
  });

  test('must be one: several Location fields cannot be followed', () => {
    expect(() => redirected(request('GET'), from, 302, ['/a', '/b'])).toThrow(/several Location/);
  });

  test('in an error message is cut, however long the upstream made it', () => {
    const location = `http://[${'x'.repeat(10_000)}`;
    expect(() => redirected(request('GET'), from, 302, location)).toThrow(/^.{1,300}$/);
  });
});

describe('across origins', () => {
  test.each(['https://b.test/', 'http://a.test/', 'https://a.test:444/', 'https://sub.a.test/'])(
    'to %s only harmless headers go along',
    (location) => {
      const next = redirected(request('GET'), from, 307, location)!;
      expect(Object.keys(next.headers).sort()).toEqual(['accept', 'content-type', 'range']);
    },
  );

  test('to the same origin, its port written out, all do', () => {
    expect(redirected(request('GET'), from, 307, 'https://A.test:443/')?.headers).toEqual(headers);
  });

  test('the request that was given is left as it was', () => {
    const given = request('POST');
    redirected(given, from, 303, 'https://b.test/');
    expect(given).toEqual(request('POST'));
    expect(Object.keys(headers)).toHaveLength(6);
  });
});
