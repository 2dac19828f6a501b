import { clip } from './fields/clip.ts';

/** How much of an error's stack is logged, bytes. The stack begins with the message. */
const longestStack = 4096;

/** How many nested causes are logged: no error worth reading is nested deeper. */
const deepestCause = 3;

/**
 * What a log line says about an error. It leaves out other fields: an error of Redis has the command with its
 * arguments, an error of the HTTP parser has the bytes that it could not read, and neither belongs in a log.
 */
export function loggedError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  const hasCause = cause !== undefined && depth < deepestCause;
  return {
    type: name,
    message: clip(message),
    stack: stack === undefined ? undefined : clip(stack, longestStack),
    ...(code === undefined ? {} : { code }),
    ...(hasCause ? { cause: loggedError(cause, depth + 1) } : {}),
  };
}
