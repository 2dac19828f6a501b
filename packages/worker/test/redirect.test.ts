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
const bodiless = (own: Record<string, string> = headers): HttpRequest => ({
  url: from.href,
  method: 'GET',
  headers: own,
});
/** Nothing in it could be a credential. */
const harmless = { accept: 'text/html', 'idempotency-key': 'i', 'if-none-match': '"e"', 'x-request-id': 'r' };

describe('a response is not a redirect', () => {
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
    expect(redirected(bodiless(), from, 302, location)?.url).toBe(expected);
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
  test.each(['https://b.test/', 'https://a.test:444/', 'https://sub.a.test/'])(
    'to %s only harmless headers go along',
    (location) => {
      const next = redirected(bodiless(), from, 307, location)!;
      expect(Object.keys(next.headers).sort()).toEqual(['accept', 'content-type', 'range']);
    },
  );

  test.each([
    [301, 'PUT'],
    [302, 'DELETE'],
    [302, 'PATCH'],
    [302, 'GET'],
    [307, 'POST'],
    [308, 'PATCH'],
  ] as const)('a %d of a %s takes no body along', (status, method) => {
    for (const to of ['https://b.test/', 'https://a.test:444/', '//b.test', 'https://sub.a.test/']) {
      const redirect = () => redirected(request(method), from, status, to);
      expect(redirect).toThrow(BadRedirect);
      expect(redirect).toThrow(
        /body to another origin; to allow that, list https:.* in egress\.redirectBodies/,
      );
    }
  });

  test.each([
    [303, 'PUT'],
    [302, 'POST'],
  ] as const)('a %d of a %s is a GET without a body, and followed', (status, method) => {
    expect(redirected(request(method), from, status, 'https://b.test/')).toMatchObject({ method: 'GET' });
  });

  test('an empty body does not count', () => {
    const empty = { ...request('PUT'), body: '' };
    expect(redirected(empty, from, 307, 'https://b.test/')?.method).toBe('PUT');
  });

  test('a body goes to the origins that the policy lists, with the headers that it needs', () => {
    const own = { ...headers, 'content-encoding': 'gzip', 'idempotency-key': 'i' };
    const given = { ...request('PUT'), headers: own };
    const list = ['https://c.test', 'https://b.test'];
    const next = redirected(given, from, 307, 'https://b.test/up', list)!;
    expect(next).toMatchObject({ method: 'PUT', body: 'b', base64: true });
    const { authorization: _, 'x-api-key': __, ...rest } = own;
    expect(next.headers).toEqual(rest);
    for (const other of [
      'https://b.test:444/',
      'https://x.b.test/',
      'http://b.test/',
      'https://b.test.evil/',
    ])
      expect(() => redirected(given, from, 307, other, list)).toThrow(BadRedirect);
  });

  test('from https to http no body goes, whatever the policy lists', () => {
    const redirect = () =>
      redirected({ ...request('PUT'), headers: {} }, from, 307, 'http://b.test/', ['http://b.test']);
    expect(redirect).toThrow(/leads from https to http:\/\/b\.test.*body would go unencrypted/);
    const plain = new URL('http://a.test/');
    expect(redirected(request('PUT'), plain, 307, 'http://b.test/', ['http://b.test'])?.body).toBe('b');
  });

  test.each([
    'authorization',
    'cookie',
    'x-api-key',
    'apikey',
    'private-token',
    'x-auth-email',
    'ocp-apim-subscription-key',
    'x-amz-security-token',
    'x-client-secret',
    'x-password',
    'x-session-id',
    'dpop',
  ])('from https to http a request with the header %s is not followed', (name) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const redirect = () => redirected(bodiless({ [name]: 's' }), from, status, 'http://a.test/');
      expect(redirect).toThrow(new RegExp(`credential \\(${name}\\) would go unencrypted`));
    }
    expect(redirected(bodiless({ [name]: 's' }), from, 302, 'https://b.test/')?.headers).toEqual({});
  });

  test('from https to http a request with nothing to hide is followed', () => {
    const next = redirected(bodiless(harmless), from, 302, 'http://a.test/next')!;
    expect(next).toEqual({ url: 'http://a.test/next', method: 'GET', headers: { accept: 'text/html' } });
  });

  test('the reason is short, however long a name the upstream makes up', () => {
    const to = `https://${'x'.repeat(10_000)}.test/`;
    expect(() => redirected(request('PUT'), from, 307, to)).toThrow(/^.{1,400}$/);
  });

  test.each(['file:///etc/passwd', 'ftp://b.test/', 'data:,x'])('%s is left for the guard to block', (to) => {
    expect(redirected(request('PUT'), from, 307, to)?.url).toBe(to);
  });

  test('to the same origin with its port written out, all headers go', () => {
    expect(redirected(request('GET'), from, 307, 'https://A.test:443/')?.headers).toEqual(headers);
  });

  test('the request that was given is left as it was', () => {
    const given = request('POST');
    redirected(given, from, 303, 'https://b.test/');
    expect(given).toEqual(request('POST'));
    expect(Object.keys(headers)).toHaveLength(6);
  });
});
