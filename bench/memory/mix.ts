import type { Task } from './task.ts';
import { tasksOfMany } from './tasks-of-many.ts';
import { tasksOfOne } from './tasks-of-one.ts';

/** A thousand tasks, as many of each as its share. Most jobs succeed; the others each leave something else behind. */
const table = [...tasksOfOne, ...tasksOfMany].flatMap((task) =>
  Array.from({ length: task.share }, (): Task => task),
);

/** The kind of the n-th task. The kinds are mixed evenly: 617 has no factor in common with a thousand. */
export function taskOf(n: number): Task {
  return table[(n * 617) % table.length]!;
}
