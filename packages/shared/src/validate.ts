import type { z } from 'zod';
import { type ErrorCode, type Fault, SluiceError, fault } from './errors.ts';
import { sentences } from './sentences.ts';

/** Parses, with our sentences for what is wrong. */
export function parse<S extends z.ZodType>(schema: S, input: unknown): z.ZodSafeParseResult<z.output<S>> {
  return schema.safeParse(input, { error: sentences });
}

/** Every fault that `parse` found, each with its path; an unknown key is a fault at the key itself. */
export function faultsOf(error: z.core.$ZodError): Fault[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const lines = issue.message.split('\n');
      return issue.keys.map((key, index) => fault([...partsOf(issue.path), key], lines[index]!));
    }
    return [fault(partsOf(issue.path), issue.message)];
  });
}

/** Symbols are no part of what JSON can say. */
function partsOf(path: readonly PropertyKey[]): (string | number)[] {
  return path.map((part) => (typeof part === 'symbol' ? String(part) : part));
}

/** `url: must be http or https; rate.limit: must be at least 1` */
export function faultsText(faults: readonly Fault[]): string {
  return faults.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
}

/** Parses with a schema or throws one SluiceError that lists every fault. `what` names the input in the message. */
export function validate<S extends z.ZodType>(
  schema: S,
  input: unknown,
  code: ErrorCode,
  what: string,
): z.output<S> {
  const result = parse(schema, input);
  if (result.success) return result.data;
  const faults = faultsOf(result.error);
  throw new SluiceError(code, `${what}: ${faultsText(faults)}`, { faults });
}
