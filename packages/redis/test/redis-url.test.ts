import { describe, expect, test } from 'vitest';
import { redactRedisUrl, redisUrlSchema } from '../src/url/redis-url.ts';
import { parseClusterUrl } from '../src/url/cluster-url.ts';
import { parseSentinelUrl } from '../src/url/sentinel-url.ts';

const faultsOf = (url: string) =>
  redisUrlSchema.safeParse(url).error?.issues.map(({ message }) => message) ?? [];

describe('a Redis URL', () => {
  test.each([
    'redis://localhost:6379',
    'redis://h',
    'redis://:p%25w@h:1/15',
    'rediss://user:pw@h:1/0',
    'redis://h:1?family=6',
    'redis+unix:///run/my%20redis.sock',
    'redis+sentinel://a/main',
    'rediss+sentinel://user:pw@a:1,b:2,[fd00::1]:3/main/2?sentinel_username=u&sentinel_password=p',
    'redis+cluster://a',
    'rediss+cluster://user:pw@a:1,b:2,[fd00::1]:3/0',
  ])('may be %s', (url) => {
    expect(faultsOf(url)).toEqual([]);
  });

  test.each([
    ['localhost:6379', 'must be a URL such as redis://localhost:6379'],
    ['http://h', 'redis+sentinel://host1:26379,host2:26379/primary-name'],
    ['redis://a:1,b:2/main', 'redis+sentinel://'],
    ['redis://h/main', '"/main" is not a database; end it with a number'],
    ['redis://h/0/1', '"/0/1" is not a database'],
    ['redis://:p%w@h', 'write a literal % as %25'],
    ['redis+unix://run/redis.sock', 'three slashes'],
    ['redis+sentinel:a/main', 'must be of the form redis+sentinel://'],
    ['redis+sentinel:///main', 'names no Sentinel'],
    ['redis+sentinel://a,,b/main', '"" is not a Sentinel; write host:port'],
    ['redis+sentinel://fd00::1/main', '"fd00::1" is not a Sentinel; write host:port, or [address]:port'],
    ['redis+sentinel://a:70000/main', '"a:70000" has an impossible port'],
    ['redis+sentinel://a:x/main', '"a:x" is not a Sentinel'],
    ['redis+sentinel://a:1', 'names no primary'],
    ['redis+sentinel://a:1/my main', '"my main" cannot be the name of a primary'],
    ['redis+sentinel://a:1/main/x', '"/x" is not a database'],
    ['redis+sentinel://a:1/main/0/1', '"/0/1" is not a database'],
    ['redis+sentinel://user@a:1/main', 'has a user without a password'],
    ['redis+sentinel://:p%w@a:1/main', 'its password has a bad percent sign'],
    ['redis+sentinel://a:1/main?password=p', 'has an unknown option "password"; use sentinel_username'],
    ['redis+cluster:a', 'must be of the form redis+cluster://'],
    ['redis+cluster://', 'names no node; write redis+cluster://'],
    ['redis+cluster://a,,b', '"" is not a node; write host:port'],
    ['redis+cluster://a:0', '"a:0" has an impossible port'],
    ['redis+cluster://a:1/1', '"/1" is not allowed: a Cluster has only database 0'],
    ['redis+cluster://a:1?password=secret', 'has options ("password=…"); a Cluster URL takes none'],
    ['redis+cluster://user@a:1', 'has a user without a password'],
  ])('%s is refused with the fix', (url, fault) => {
    expect(faultsOf(url)).toEqual([expect.stringContaining(fault)]);
  });

  test('has all its faults told at once', () => {
    expect(faultsOf('redis+sentinel://u@a:0,?x=1')).toHaveLength(5);
  });
});

test.each([
  'redis://user:12/secret@h',
  'redis://:s/secret@h:1/0',
  'redis://:a#secret@h',
  'redis://:a?secret@h',
  'redis+sentinel://u:a/secret@h:1/main',
  'redis+cluster://u:a/secret@h:1',
])('a password that is not percent-encoded (%s) is refused with the fix, and not quoted', (url) => {
  expect(faultsOf(url)).toEqual(['has a password with a / ? # or @ in it; write %2F %3F %23 %40 instead']);
});

test('the URL of Sentinels is read with its defaults', () => {
  expect(parseSentinelUrl('redis+sentinel://:p@w@a,b:1/main')).toEqual({
    sentinels: [
      { host: 'a', port: 26379 },
      { host: 'b', port: 1 },
    ],
    name: 'main',
    db: 0,
    tls: false,
    username: '',
    password: 'p@w',
    sentinelUsername: '',
    sentinelPassword: '',
  });
});

test('the URL of a Cluster is read with its defaults', () => {
  expect(parseClusterUrl('redis+cluster://us%40er:p@w@a,[fd00::1]:1')).toEqual({
    nodes: [
      { host: 'a', port: 6379 },
      { host: 'fd00::1', port: 1 },
    ],
    tls: false,
    username: 'us@er',
    password: 'p@w',
  });
});

test.each([
  ['redis://user:secret@h:1/0', 'redis://user:***@h:1/0'],
  ['rediss://:secret@h', 'rediss://:***@h'],
  ['redis://h:1', 'redis://h:1'],
  ['redis://h:1?password=secret&family=6', 'redis://h:1?password=***&family=6'],
  ['redis+unix:///run/redis.sock', 'redis+unix:///run/redis.sock'],
  [
    'redis+sentinel://u:s@cret@a:1,b:2/main/1?sentinel_username=v&sentinel_password=secret',
    'redis+sentinel://u:***@a:1,b:2/main/1?sentinel_username=v&sentinel_password=***',
  ],
  ['rediss+cluster://u:s@cret@a:1,b:2', 'rediss+cluster://u:***@a:1,b:2'],
  // Not percent-encoded, as people write them.
  ['redis://user:s/ecret@h:1/0', 'redis://user:***@h:1/0'],
  ['redis://:s@e:c/r?e#t@h:1', 'redis://:***@h:1'],
  ['redis://user:12/ecret@h', 'redis://user:***@h'],
  ['redis://s/ecret@h', 'redis://s:***@h'],
  [
    'redis+sentinel://u:s/ecret@a:1/main?sentinel_password=s@e#cret',
    'redis+sentinel://u:***@a:1/main?sentinel_password=***',
  ],
  ['redis+unix:///run/a@b.sock', 'redis+unix:///run/a@b.sock'],
])('%s is shown as %s', (url, shown) => {
  expect(redactRedisUrl(url)).toBe(shown);
});
