import type { z } from 'zod';
import { type ErrorCode, type Fault, SluiceError, fault } from './errors.ts';

/** Every fault zod found, each with its path; an unknown key is a fault at the key itself. */
export function faultsOf(error: z.core.$ZodError): Fault[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) =>
        fault([...partsOf(issue.path), key], 'unknown field; check its spelling or remove it'),
      );
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
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const faults = faultsOf(result.error);
  throw new SluiceError(code, `${what}: ${faultsText(faults)}`, { faults });
}
