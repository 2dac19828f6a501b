import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { gatewayConfigSchema, readGatewayConfig } from '../src/config.ts';

const page = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8');

test('docs/http.md has every variable of a gateway, with its default', () => {
  const documented = [...page.matchAll(/^- `(SLUICE_\w+)`, default (?:`([^`]+)`|\(none\)):/gm)];
  expect(documented.map(([, name]) => name!).sort()).toEqual(
    Object.keys(gatewayConfigSchema.in.shape).sort(),
  );
  const defaults = documented.filter(([, , value]) => value !== undefined);
  const given = defaults.map(([, name, value]): [string, string] => [name!, value!]);
  expect(readGatewayConfig(Object.fromEntries(given))).toEqual(readGatewayConfig({}));
});

test('variables of a worker are left alone, a typo is not', () => {
  expect(
    readGatewayConfig({ SLUICE_CONCURRENCY: '5', SLUICE_GATEWAY_POLICY: 'delivery, store' }),
  ).toMatchObject({
    openFields: ['store', 'delivery'],
  });
  const faulty = () => readGatewayConfig({ SLUICE_GATEWAY_PROT: '1', SLUICE_GATEWAY_POLICY: 'rate' });
  expect(faulty).toThrow(
    /SLUICE_GATEWAY_PROT.*SLUICE_GATEWAY_POLICY|SLUICE_GATEWAY_POLICY.*SLUICE_GATEWAY_PROT/s,
  );
});

test('reads the rate of a key and the trusted proxies, and refuses what is neither', () => {
  expect(
    readGatewayConfig({
      SLUICE_GATEWAY_KEY_RATE: '60/1m',
      SLUICE_GATEWAY_TRUST_PROXY: 'loopback, 10.0.0.0/8, 2001:db8::1',
    }),
  ).toMatchObject({
    keyRate: { limit: 60, per: 60_000 },
    trustedProxies: ['loopback', '10.0.0.0/8', '2001:db8::1'],
  });
  expect(readGatewayConfig({ SLUICE_GATEWAY_KEY_RATE: 'none' }).keyRate).toBeNull();
  expect(() => readGatewayConfig({ SLUICE_GATEWAY_KEY_RATE: '0/1s' })).toThrow(/KEY_RATE/);
  expect(() => readGatewayConfig({ SLUICE_GATEWAY_TRUST_PROXY: 'all' })).toThrow(/"all" is neither/);
});
