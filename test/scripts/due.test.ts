import { expect, test } from 'vitest';
import { bindScript } from '../../packages/redis/src/index.ts';
import { nextDeadlineScript, overlookedDeadlinesScript } from '../../packages/shared/src/index.ts';
import { openLab } from './lab.ts';

const soon = () => Date.now() + 60_000;

function dueOf(lab: ReturnType<typeof openLab>) {
  const next = bindScript(lab.redis, lab.keys, nextDeadlineScript);
  const find = bindScript(lab.redis, lab.keys, overlookedDeadlinesScript);
  return {
    next: (queue: string, afterMs = 0) => next([queue], { queue, afterMs }),
    find: (names: string[]) => find([names], { names: JSON.stringify(names) }),
    noted: async (queue: string) => {
      const score = await lab.redis.zscore(lab.keys.due, queue);
      return score === null ? null : Number(score);
    },
    deadline: (queue: string, id: string, at: number) => lab.redis.zadd(lab.keys.deadlines(queue), at, id),
  };
}

test('a queue is due at its earliest deadline, and leaves the list with its last', async () => {
  await using lab = openLab();
  await lab.apply({});
  const due = dueOf(lab);
  const at = soon();
  await due.deadline(lab.queue, 'later', at + 5000);
  await due.deadline(lab.queue, 'first', at);
  await due.next(lab.queue);
  expect(await due.noted(lab.queue)).toBe(at);
  await lab.redis.zrem(lab.keys.deadlines(lab.queue), 'first');
  await due.next(lab.queue);
  expect(await due.noted(lab.queue)).toBe(at + 5000);
  await lab.redis.zrem(lab.keys.deadlines(lab.queue), 'later');
  await due.next(lab.queue);
  expect(await lab.redis.exists(lab.keys.due)).toBe(0);
});

test('what is past and cannot be dealt with is due a little later, not at once again', async () => {
  await using lab = openLab();
  await lab.apply({});
  const due = dueOf(lab);
  const before = Date.now() - 50; // two clocks of one machine
  await due.deadline(lab.queue, 'held', 1);
  await due.next(lab.queue, 500);
  expect(await due.noted(lab.queue)).toBeGreaterThanOrEqual(before + 500);
  // That is not overlooked, and stays.
  const noted = await due.noted(lab.queue);
  expect(await due.find([lab.queue])).toBe(0);
  expect(await due.noted(lab.queue)).toBe(noted);
});

test('a queue that was removed leaves the list, whatever is left of it', async () => {
  await using lab = openLab();
  const due = dueOf(lab);
  await due.deadline('removed', 'job', soon());
  await lab.redis.zadd(lab.keys.due, 1, 'removed');
  await due.next('removed');
  expect(await lab.redis.exists(lab.keys.due)).toBe(0);
});

test('a deadline that was noted for its queue alone is found, and one that is noted is none', async () => {
  await using lab = openLab();
  const due = dueOf(lab);
  const at = soon();
  await due.deadline('older', 'job', at);
  await due.deadline('earlier', 'job', at);
  await lab.redis.zadd(lab.keys.due, at + 1, 'earlier');
  await due.deadline('newer', 'job', at);
  await lab.redis.zadd(lab.keys.due, at, 'newer');
  await lab.redis.zadd(lab.keys.due, at - 9, 'ended');
  await lab.redis.rpush(lab.keys.deadlines('broken'), 'x');
  const names = ['broken', 'none', 'older', 'newer', 'ended', 'earlier'];
  expect(await due.find(names)).toBe(2);
  expect(await Promise.all(names.map(due.noted))).toEqual([null, null, at, at, at - 9, at]);
  expect(await due.find(names)).toBe(0);
});

test('a past deadline of an older producer is found, too', async () => {
  await using lab = openLab();
  const due = dueOf(lab);
  await due.deadline('older', 'job', 1);
  expect(await due.find(['older'])).toBe(1);
  expect(await due.noted('older')).toBe(1);
});
