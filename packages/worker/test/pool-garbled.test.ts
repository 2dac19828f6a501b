import { expect, test } from 'vitest';
import { startRawUpstream } from './raw-upstream.ts';
import { Rig, quick } from './rig.ts';

const head = (...lines: string[]) => ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n');

/** Answers whose head is not HTTP. */
const unreadable: Record<string, string> = {
  'no HTTP': 'SSH-2.0-OpenSSH_9.2\r\n',
  'a status of four digits': 'HTTP/1.1 1000 Much\r\ncontent-length: 0\r\n\r\n',
  'a NUL in a header': head('x-a: b\0c', 'content-length: 0'),
  'a control character in a header': head('x-a: b\u0001c', 'content-length: 0'),
  'a negative Content-Length': head('content-length: -1'),
  'a folded header': head('x-a: b', ' c', 'content-length: 0'),
};

/** A good head, and then a body that cannot be read. */
const broken: Record<string, string> = {
  'a bad chunk size': `${head('transfer-encoding: chunked')}zz\r\nhello\r\n0\r\n\r\n`,
  'a Content-Length in the trailer': `${head('transfer-encoding: chunked')}1\r\na\r\n0\r\ncontent-length: 7\r\n\r\n`,
  'more content-encodings than are taken': `${head(
    `content-encoding: ${Array.from({ length: 6 }, () => 'gzip').join(', ')}`,
    'content-length: 5',
  )}hello`,
};

const answerOf = (path: string) => ({ ...unreadable, ...broken })[decodeURIComponent(path.slice(1))];

test('an answer that cannot be read never repeats a request that must not be repeated', async () => {
  await using upstream = await startRawUpstream(answerOf);
  await using rig = await Rig.open({ policy: { retry: { ...quick, attempts: 3 } } });
  const names = [...Object.keys(unreadable), ...Object.keys(broken)];
  for (const spec of [
    { method: 'POST', body: 'x' },
    { method: 'PUT', body: 'x', delivery: 'at-most-once' },
  ] as const) {
    const ends = await Promise.all(
      names.map(async (name) => await rig.end(`${upstream.url}/${encodeURIComponent(name)}`, spec)),
    );
    for (const [index, { outcome }] of ends.entries()) {
      expect(outcome, names[index]).toMatchObject({ kind: 'bad-response', attempts: 1 });
    }
  }
  expect(upstream.requests).toHaveLength(2 * names.length);
});

test('an answer without a readable head is retried where that is allowed; one with a broken body is not', async () => {
  await using upstream = await startRawUpstream(answerOf);
  await using rig = await Rig.open({ policy: { retry: { ...quick, attempts: 3 } } });
  const attemptsOf = async (name: string) => {
    const { outcome } = await rig.end(`${upstream.url}/${encodeURIComponent(name)}`);
    return [name, outcome.kind, outcome.attempts];
  };
  const of = (names: string[], attempts: number) => names.map((name) => [name, 'bad-response', attempts]);
  expect(await Promise.all(Object.keys(unreadable).map(attemptsOf))).toEqual(of(Object.keys(unreadable), 3));
  expect(await Promise.all(Object.keys(broken).map(attemptsOf))).toEqual(of(Object.keys(broken), 1));
});
