import { expect, test } from 'vitest';
import { withBeats } from '../src/answers/beats.ts';

test.each([':\n\n', '\n'])('a silent stream has beats, %j, and then what it waited for', async (beat) => {
  const { promise, resolve } = Promise.withResolvers<string>();
  async function* source() {
    yield 'a';
    yield await promise;
  }
  const stream = withBeats(source(), beat, 5);
  expect((await stream.next()).value).toBe('a');
  expect((await stream.next()).value).toBe(beat);
  expect((await stream.next()).value).toBe(beat);
  resolve('b');
  let item = await stream.next();
  while (item.value === beat) item = await stream.next();
  expect(item.value).toBe('b');
  expect((await stream.next()).done).toBe(true);
});
