import { type ErrorCode, SluiceError, fault, validate } from '@sluice/shared';
import type { z } from 'zod';

/**
 * The duration of an option that has an old name, whose number is ms.
 * @param names the option, and its old name
 * @param what what the option is of; '' names only the option
 * @returns ms; undefined when neither is given
 * @throws SluiceError with the given code
 */
export function durationOption<O extends object>(
  schema: z.ZodType<number, string | number>,
  options: O,
  [name, old]: readonly [keyof O & string, keyof O & string],
  code: ErrorCode,
  what = '',
): number | undefined {
  const [value, before] = [options[name], options[old]];
  const prefix = what === '' ? '' : `${what}: `;
  if (value !== undefined && before !== undefined) {
    const message = `and ${old} are the same; give ${name}`;
    throw new SluiceError(code, `${prefix}${name}: ${message}`, { faults: [fault([name], message)] });
  }
  const given = value ?? before;
  if (given === undefined) return undefined;
  return validate(schema, given, code, `${prefix}${value === undefined ? old : name}`);
}
