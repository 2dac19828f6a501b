import { EgressBlocked } from '../src/http/egress-blocked.ts';
import { describe, expect, test } from 'vitest';
import { policySchema } from '@sluice/shared';
import { guard, guardRequest } from '../src/pipeline/guard.ts';

describe('the guard', () => {
  const policy = policySchema.parse({ origin: 'https://api.test', egress: { allow: ['10.0.0.0/8'] } });

  test('returns the URL if its rules allow it', () => {
    expect(guard('https://api.test/a?b#c', policy, true).pathname).toBe('/a');
    expect(
      guard('http://10.0.0.1/', policySchema.parse({ egress: { allow: ['10.0.0.0/8'] } }), true).host,
    ).toBe('10.0.0.1');
  });

  test.each([
    'ftp://api.test/',
    'http://127.0.0.1/',
    'http://169.254.169.254/',
    'https://u:p@api.test/',
    'no url',
  ])('refuses %s', (url) => {
    expect(() => guard(url, policySchema.parse({}), false)).toThrow(EgressBlocked);
  });

  test("holds the first URL to the policy's origin, and lets a redirect leave it", () => {
    expect(() => guard('https://other.test/', policy, true)).toThrow(/serves https:\/\/api.test only/);
    expect(guard('https://other.test/', policy, false).host).toBe('other.test');
  });
});

describe("the guard of a redirect hop's request", () => {
  const request = { url: 'https://api.test/', method: 'POST', headers: {} } as const;

  test('returns it with its header names in lower case', () => {
    expect(guardRequest({ ...request, headers: { Range: 'a' } })).toEqual({
      ...request,
      headers: { range: 'a' },
    });
  });

  test.each([
    { headers: { host: 'b.test' } },
    { headers: { 'x-a': '1', 'X-A': '2' } },
    { method: 'GET' as const, body: 'x' },
  ])('refuses %j', (change) => {
    expect(() => guardRequest({ ...request, ...change })).toThrow(EgressBlocked);
  });
});
