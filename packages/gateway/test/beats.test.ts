import { expect, test } from 'vitest';
import { withBeats } from '../src/answers/beats.ts';

test('a silent stream has comments, and then what it waited for', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  async function* source() {
    yield 'a';
    yield await promise;
  }
  const stream = withBeats(source(), 5);
  expect((await stream.next()).value).toBe('a');
  expect((await stream.next()).value).toBe(':\n\n');
  expect((await stream.next()).value).toBe(':\n\n');
  resolve('b');
  let item = await stream.next();
  while (item.value === ':\n\n') item = await stream.next();
  expect(item.value).toBe('b');
  expect((await stream.next()).done).toBe(true);
});
