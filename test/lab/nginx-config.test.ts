import { expect, test } from 'vitest';
import { nginxConfig, parseAccessLog } from './nginx-config.ts';

test('the configuration states odd rates exactly, and throws for what nginx cannot do', () => {
  const place = { root: '/tmp/files', folder: '/tmp/x', port: 1 };
  expect(nginxConfig({ ...place, ratePerSecond: 2.5, burst: 20 })).toContain('rate=150r/m');
  expect(nginxConfig({ ...place, ratePerSecond: 2.5, burst: 20 })).toContain('burst=20 nodelay;');
  expect(() => nginxConfig({ ...place, ratePerSecond: 0, burst: 0 })).toThrow('ratePerSecond');
  expect(() => nginxConfig({ ...place, ratePerSecond: 1, burst: -1 })).toThrow('burst');
});

test('the access log is read in order of arrival, not in that of its lines', () => {
  const log = '10.500\t0.400\t200\tPASSED\t3\tGET\t/slow\n10.300\t0.000\t429\tREJECTED\t4\tGET\t/fast\n';
  expect(parseAccessLog(log).map(({ path, refused, socket }) => [path, refused, socket])).toEqual([
    ['/slow', false, 3],
    ['/fast', true, 4],
  ]);
});
