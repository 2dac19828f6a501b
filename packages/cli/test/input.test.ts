import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { checkInput, readSpecs } from '../src/run/input/check.ts';
import { type Line, readLines } from '../src/run/input/lines.ts';
import { parseLine } from '../src/run/input/parse-line.ts';
import type { Source } from '../src/run/input/source.ts';

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function linesOf(text: string, size: number, limit?: number): Promise<(string | null)[]> {
  const lines: (string | null)[] = [];
  for await (const line of readLines(chunksOf(Buffer.from(text), size), limit)) {
    expect(line.number).toBe(lines.length + 1);
    lines.push('bytes' in line ? line.bytes.toString() : null);
  }
  return lines;
}

test.each([1, 2, 3, 1000])('lines are found wherever the chunks of %i bytes end', async (size) => {
  expect(await linesOf('ü\n\nzwei\nlast', size)).toEqual(['ü', '', 'zwei', 'last']);
  expect(await linesOf('a\nb\n', size)).toEqual(['a', 'b']);
  expect(await linesOf('', size)).toEqual([]);
});

test('of a line above the limit only the number is kept, and the next line is whole', async () => {
  expect(await linesOf('12345\n123456\n1\n1234567', 4, 5)).toEqual(['12345', null, '1', null]);
});

const line = (text: string | Buffer): Line => ({ number: 1, bytes: Buffer.from(text) });

test('a line is a URL, a JSON job, or nothing', () => {
  expect(parseLine(line('  http://a.example/x \r'))).toEqual({
    type: 'spec',
    spec: { url: 'http://a.example/x' },
  });
  expect(parseLine(line('\uFEFFhttp://a.example/'))).toMatchObject({ type: 'spec' });
  const job = { url: 'http://a.example/', method: 'POST', json: { a: 1 } };
  expect(parseLine(line(JSON.stringify(job)))).toEqual({ type: 'spec', spec: job });
  for (const text of ['', '  \t\r', '# http://a.example/', '  # x'])
    expect(parseLine(line(text))).toEqual({ type: 'skip' });
});

test.each([
  ['example.com', 'is not an absolute URL'],
  ['ftp://a.example/', 'the scheme "ftp:" is not allowed'],
  ['http://u:p@a.example/', 'has a user name or password'],
  ['{"url":"http://a.example/","nope":1}', 'nope: unknown field'],
  ['{"url":', 'is not a JSON object'],
  ['[1]', 'is not an absolute URL'],
  ['{"url":"http://a.example/","body":"a","json":1}', 'has body and json; give the body once'],
])('%s is a fault with its reason', (text, reason) => {
  expect(parseLine(line(text))).toEqual({
    type: 'fault',
    message: expect.stringContaining(reason) as string,
  });
});

test('bytes that are not UTF-8 are a fault, not a guess', () => {
  expect(parseLine(line(Buffer.from([0x68, 0xff, 0xfe])))).toMatchObject({
    type: 'fault',
    message: 'is not UTF-8; convert the file',
  });
});

const source = (text: string): Source => ({
  path: 'list.txt',
  read: () => Readable.from([Buffer.from(text)]),
  [Symbol.asyncDispose]: async () => {},
});

test('the check counts jobs and faults, and finds the one origin', async () => {
  const faults: string[] = [];
  const report = (number: number, message: string) => void faults.push(`${number} ${message}`);
  const one = 'http://a.example/1\n\nhttp://a.example:80/2\n{"url":"http://A.EXAMPLE/3"}\n';
  expect(await checkInput(source(one), report)).toEqual({ jobs: 3, faults: 0, origin: 'http://a.example' });
  expect(await checkInput(source(`${one}https://a.example/`), report)).toEqual({
    jobs: 4,
    faults: 0,
    origin: null,
  });
  expect(await checkInput(source('# nothing'), report)).toEqual({ jobs: 0, faults: 0, origin: null });
  expect(faults).toEqual([]);
  expect(await checkInput(source('x\nhttp://a.example/\n/y'), report)).toMatchObject({ jobs: 1, faults: 2 });
  expect(faults.map((fault) => fault.split(' ')[0])).toEqual(['1', '3']);
});

test('an id that two lines name is a fault of the second', async () => {
  const faults: string[] = [];
  const text = '{"url":"http://a.example/","id":"x"}\n'.repeat(2);
  await checkInput(source(text), (number, message) => void faults.push(`${number}: ${message}`));
  expect(faults).toEqual(['2: id: "x" is also the id of line 1; give each job its own, or none']);
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('the second pass gives the jobs in order, and stops at a line that became bad', async () => {
  const specs = await collect(readSpecs(source('http://a.example/1\n#\n{"url":"http://a.example/2"}')));
  expect(specs).toEqual([{ url: 'http://a.example/1' }, { url: 'http://a.example/2' }]);
  await expect(collect(readSpecs(source('http://a.example/1\nx')))).rejects.toThrow(
    /list\.txt changed while it was read: line 2/,
  );
});
