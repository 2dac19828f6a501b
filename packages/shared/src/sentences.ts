import type { z } from 'zod';
import { similar } from './fields/similar.ts';

/** What a value has to be, by zod's name of the type. */
const types: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  date: 'a Date',
};

/** What is counted in a value that has a size. */
const units: Readonly<Record<string, string>> = { string: 'character', array: 'entry', set: 'entry' };

function counted(count: number | bigint, origin: string): string {
  const unit = units[origin];
  if (unit === undefined) return String(count);
  const many = unit === 'entry' ? 'entries' : `${unit}s`;
  return `${count} ${Number(count) === 1 ? unit : many}`;
}

const size = (origin: string) => (units[origin] === undefined ? 'be' : 'have');

function bound(least: boolean, inclusive: boolean | undefined): string {
  if (inclusive === false) return least ? 'more than' : 'less than';
  return least ? 'at least' : 'at most';
}

/** One line for each key. */
function unknownFields({ keys, inst }: { keys: string[]; inst?: unknown }): string {
  const known = Object.keys((inst as { _zod?: { def?: { shape?: object } } })?._zod?.def?.shape ?? {});
  const sentence = (key: string) => {
    const meant = similar(key, known);
    return meant === null
      ? 'unknown field; check its spelling or remove it'
      : `unknown field; did you mean "${meant}"?`;
  };
  return keys.map(sentence).join('\n');
}

/**
 * The sentences for what zod finds where a schema has none of its own: to be passed to each parse whose faults somebody
 * reads (`validate` does), and not set for all of zod, which the user's program may use, too.
 */
export const sentences: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type': {
      if (issue.expected === 'nonoptional') return 'is missing';
      const expected = types[issue.expected] ?? issue.expected;
      return issue.input === undefined ? `is missing; expected ${expected}` : `must be ${expected}`;
    }
    case 'too_small': {
      const { origin, minimum, inclusive, exact } = issue;
      const least = exact === true ? 'exactly' : bound(true, inclusive);
      return `must ${size(origin)} ${least} ${counted(minimum, origin)}`;
    }
    case 'too_big': {
      const { origin, maximum, inclusive, exact } = issue;
      const most = exact === true ? 'exactly' : bound(false, inclusive);
      return `must ${size(origin)} ${most} ${counted(maximum, origin)}`;
    }
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'unrecognized_keys':
      return unknownFields(issue);
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return `is not of the form that is expected (${issue.format})`;
    case 'invalid_union':
      return 'has none of the forms that are expected';
    case 'invalid_key':
      return 'has a name that is not allowed';
    case 'invalid_element':
      return 'has an entry that is not allowed';
    default:
      return 'is not valid';
  }
};
