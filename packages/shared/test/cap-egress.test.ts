import { expect, test } from 'vitest';
import { capEgress, egressSchema, judgeAddress, judgeUrl } from '../src/index.ts';

const rules = (value: object) => egressSchema.parse(value);

test.each([
  ['a range inside the bounds stays', ['10.1.2.0/24'], ['10.1.0.0/16'], ['10.1.2.0/24']],
  [
    'a wider one becomes the bounds',
    ['10.0.0.0/8'],
    ['10.1.0.0/16', '10.2.0.0/16'],
    ['10.1.0.0/16', '10.2.0.0/16'],
  ],
  ['one that is elsewhere goes', ['192.168.0.0/16'], ['10.1.0.0/16'], []],
  ['no bounds leave nothing', ['10.0.0.0/8', '::1/128'], [], []],
  ['families do not mix', ['::/0'], ['0.0.0.0/0'], []],
  ['a mapped range is its IPv4 range', ['::ffff:10.1.0.0/112'], ['10.0.0.0/8'], ['::ffff:10.1.0.0/112']],
])('ranges: %s', (_, allow, most, left) => {
  expect(capEgress(rules({ allow }), rules({ allow: most })).allow).toEqual(left);
});

test.each([
  ['the very name', ['api.corp.internal'], ['api.corp.internal'], ['api.corp.internal']],
  ['a name below', ['api.corp.internal'], ['*.corp.internal'], ['api.corp.internal']],
  ['names below a name below', ['*.a.corp.internal'], ['*.corp.internal'], ['*.a.corp.internal']],
  ['all names, bounded by one', ['*.internal'], ['api.corp.internal', 'db.local'], ['api.corp.internal']],
  ['all names, bounded by some', ['*.internal'], ['*.corp.internal'], ['*.corp.internal']],
  ['the name above is not below', ['corp.internal'], ['*.corp.internal'], []],
  ['all below is more than one', ['*.corp.internal'], ['corp.internal'], []],
  ['a name that ends alike', ['evilcorp.internal'], ['*.corp.internal'], []],
])('hosts: %s', (_, allowHosts, most, left) => {
  expect(capEgress(rules({ allowHosts }), rules({ allowHosts: most })).allowHosts).toEqual(left);
});

test('ports are those of both; bounds open none that the policy closes', () => {
  const allow = ['10.0.0.0/8'];
  const ports = (policy?: number[], most?: number[]) =>
    capEgress(
      rules({ allow, ...(policy && { ports: policy }) }),
      rules({ allow, ...(most && { ports: most }) }),
    ).ports;
  expect(ports([443, 6379], [443, 8443])).toEqual([443]);
  expect(ports([443, 6379])).toEqual([443, 6379]);
  // Redis, and mail: closed to a policy that lists no ports.
  expect(ports(undefined, [443, 6379, 25])).toEqual([443]);
  expect(ports([443], [])).toEqual([]);
});

test('whatever a policy allows, what is left allows nothing that the bounds do not', () => {
  const lists = [[], ['10.0.0.0/8'], ['10.1.0.0/16', 'fd00::/8'], ['0.0.0.0/0', '::/0'], ['192.168.1.1']];
  const hosts = [[], ['*.internal'], ['a.internal', '*.b.internal'], ['localhost']];
  const all = lists.flatMap((allow) => hosts.map((allowHosts) => rules({ allow, allowHosts })));
  const addresses = ['10.1.2.3', '10.9.9.9', '192.168.1.1', '127.0.0.1', 'fd00::1', '::1', '8.8.8.8'];
  const urls = ['a.internal', 'x.b.internal', 'c.internal', 'localhost', 'example.com'].map(
    (name) => `http://${name}/`,
  );
  for (const policy of all) {
    for (const most of all) {
      const left = capEgress(policy, most);
      for (const one of addresses) {
        const isAllowed = judgeAddress(one, policy).ok && judgeAddress(one, most).ok;
        expect(judgeAddress(one, left).ok, `${one} ${JSON.stringify({ policy, most })}`).toBe(isAllowed);
      }
      for (const url of urls) {
        const isAllowed = judgeUrl(url, policy).ok && judgeUrl(url, most).ok;
        if (!isAllowed)
          expect(judgeUrl(url, left).ok, `${url} ${JSON.stringify({ policy, most })}`).toBe(false);
      }
    }
  }
});
