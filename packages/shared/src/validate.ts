import type { z } from 'zod';
import { type ErrorCode, type Fault, SluiceError } from './errors.ts';

/** `['rate', 'limit']` -> `rate.limit`, `['jobs', 3, 'url']` -> `jobs[3].url`. */
function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}

/** Every fault zod found, each with its path; an unknown key is a fault at the key itself. */
export function faultsOf(error: z.core.$ZodError): Fault[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: pathText([...issue.path, key]),
        message: 'unknown field; check its spelling or remove it',
      }));
    }
    return [{ path: pathText(issue.path), message: issue.message }];
  });
}

/** `url: must be http or https; rate.limit: must be at least 1` */
export function faultsText(faults: readonly Fault[]): string {
  return faults
    .map((fault) => (fault.path === '' ? fault.message : `${fault.path}: ${fault.message}`))
    .join('; ');
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
