import { describe, expect, test } from 'vitest';
import { SluiceError, policySchema, queueNameSchema, validate } from '../src/index.ts';

function faultsOf(input: unknown): Record<string, string> {
  try {
    validate(policySchema, input, 'SLUICE_INVALID_POLICY', 'policy');
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]));
  }
  return {};
}

describe('a policy', () => {
  test('that says nothing has every default', () => {
    expect(policySchema.parse({})).toMatchObject({
      rate: null,
      origin: null,
      concurrency: { worker: null, global: null },
      timeout: 30_000,
      retry: {
        attempts: 6,
        base: 1000,
        factor: 2,
        cap: 60_000,
        jitter: 0.5,
        statuses: [408, 425, 429, 500, 502, 503, 504],
        methods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'],
        resetUnit: null,
        profile: null,
      },
      egress: { allow: [], allowHosts: [] },
      maxRedirects: 5,
      maxBody: 10_485_760,
      maxBacklog: null,
      maxHold: 900_000,
    });
  });

  test('that was parsed parses to itself, so that what is in Redis stays as it is', () => {
    const policy = policySchema.parse({ rate: '100/60s', concurrency: 5, retry: { attempts: 2 } });
    expect(policySchema.parse(JSON.parse(JSON.stringify(policy)))).toEqual(policy);
  });

  test('keeps the defaults of what a part leaves out', () => {
    const { retry, egress } = policySchema.parse({
      retry: { attempts: 1 },
      egress: { allow: ['10.0.0.0/8'] },
    });
    expect(retry).toMatchObject({ attempts: 1, base: 1000, cap: 60_000 });
    expect(egress).toEqual({ allow: ['10.0.0.0/8'], allowHosts: [] });
  });

  test('with one number as its concurrency means that of a worker', () => {
    expect(policySchema.parse({ concurrency: 5 }).concurrency).toEqual({ worker: 5, global: null });
    expect(policySchema.parse({ concurrency: { global: 7 } }).concurrency).toEqual({
      worker: null,
      global: 7,
    });
  });

  test.each([
    ['10MiB', 10_485_760],
    ['512KiB', 524_288],
    ['1GiB', 1_073_741_824],
    ['2 MB', 2_000_000],
    ['1000', 1000],
    [1, 1],
  ])('takes %j as a size of %d bytes', (maxBody, bytes) => {
    expect(policySchema.parse({ maxBody }).maxBody).toBe(bytes);
  });

  test.each([0, -1, '0', '2GiB', '1.5MiB', 'much', '10 mib', Number.NaN, ''])(
    'does not take %j as a size',
    (maxBody) => {
      expect(faultsOf({ maxBody })['maxBody']).toContain('is not a size from 1 B to 1 GiB');
    },
  );

  test.each(['https://api.example.com', 'http://127.0.0.1:8080', 'https://[::1]:8443'])(
    'takes %s as an origin',
    (origin) => {
      expect(policySchema.parse({ origin }).origin).toBe(origin);
    },
  );

  test.each([
    'api.example.com',
    'https://api.example.com/',
    'https://api.example.com:443',
    'https://API.example.com',
    'null',
    '',
  ])('does not take "%s" as one: it would match no request', (origin) => {
    expect(faultsOf({ origin })['origin']).toContain('must be an origin');
  });

  test.each([
    [0, 'concurrency.worker'],
    [1.5, 'concurrency.worker'],
    [{ worker: 0 }, 'concurrency.worker'],
    [{ global: -1 }, 'concurrency.global'],
    [{ wrker: 5 }, 'concurrency.wrker'],
    ['many', 'concurrency'],
  ])('does not take %j as a concurrency, and says where the fault is', (concurrency, path) => {
    const faults = faultsOf({ concurrency });
    expect(Object.keys(faults)).toEqual([path]);
    expect(faults[path]).not.toBe('Invalid input');
  });

  test('has every fault listed with its path, an unknown field too', () => {
    const faults = faultsOf({
      rate: { limit: 0, per: '1s' },
      retry: { attempts: 0, statuses: [429, 200], methods: ['GET', 'BREW'], jiter: 1 },
      egress: { allow: ['10.0.0.0/8', '10.0.0.0/33'], ports: [0] },
      timeout: '30',
      speed: 5,
    });
    expect(Object.keys(faults).sort()).toEqual([
      'egress.allow[1]',
      'egress.ports[0]',
      'rate.limit',
      'retry.attempts',
      'retry.jiter',
      'retry.methods[1]',
      'retry.statuses[1]',
      'speed',
      'timeout',
    ]);
    expect(faults['egress.allow[1]']).toContain('"10.0.0.0/33" is not a CIDR');
    expect(faults['speed']).toBe('unknown field; check its spelling or remove it');
  });
});

describe('the name of a queue', () => {
  test.each(['a', 'api.example.com', 'A-1_b', '0'.repeat(100)])('may be %s', (name) => {
    expect(queueNameSchema.safeParse(name).success).toBe(true);
  });

  test.each(['', '.a', '-a', 'a:b', 'a/b', 'a{b}', 'a b', 'a\n', 'ä', '0'.repeat(101)])(
    'may not be %j, for it is part of keys',
    (name) => {
      expect(queueNameSchema.safeParse(name).success).toBe(false);
    },
  );
});
