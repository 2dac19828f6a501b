import { errors } from 'undici';
import type { ResponseHead } from '@sluice/shared';
import { EgressBlocked } from './egress-blocked.ts';
import { AttemptTimeout } from './attempt-timer.ts';

/** An attempt that ended without a usable response. */
export type Failure = {
  kind: 'timeout' | 'network' | 'store-error' | 'blocked' | 'too-large' | 'bad-response' | 'internal';
  message: string;
  /** It is proven that the upstream has seen nothing of the request. */
  unsent: boolean;
  /** The head of the response, if it had come. */
  head?: ResponseHead;
  /** Whether a retry may succeed; absent: as the kind says. */
  passes?: boolean;
  /** No retry before this many ms; absent: the backoff's delay. */
  waitMs?: number;
  /** The origin whose hold the wait is for; absent: the wait has another reason. */
  heldOrigin?: string | undefined;
};

/** The body, decoded or not, is larger than the queue's `maxBody`. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
  constructor(limit: number) {
    super(`the response body is larger than ${limit} bytes; raise maxBody on the queue to allow it`);
  }
}

/** The body store did not take the body. */
export class BodyNotStored extends Error {
  override readonly name = 'BodyNotStored';
}

/** A redirect that cannot be followed. */
export class BadRedirect extends Error {
  override readonly name = 'BadRedirect';
}

/** The body does not decode. */
export class UnreadableBody extends Error {
  override readonly name = 'UnreadableBody';
  constructor(cause: Error) {
    super(`the body does not decode: ${cause.message}`, { cause });
  }
}

/** The answer is not HTTP: its head cannot be parsed. */
export class UnreadableHead extends Error {
  override readonly name = 'UnreadableHead';
  constructor(cause: Error) {
    super(`the answer is not HTTP: ${cause.message}`, { cause });
  }
}

/** Something went wrong after the head of a response had come: its body did not decode, was too large, or broke off. */
export class BrokenResponse extends Error {
  override readonly name = 'BrokenResponse';
  readonly head: ResponseHead;
  constructor(head: ResponseHead, cause: unknown) {
    super('the response broke off after its head', { cause });
    this.head = head;
  }
}

/** `Z_DATA_ERROR` and the like: the body does not decode. */
const decodeCode = /^(Z_|ERR__ERROR_|ERR_BROTLI|ZSTD_)/;

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Whether an error is one of the response parser. Most of these have no code. */
export function isParserError(error: Error): boolean {
  return error.name === 'HTTPParserError' || codeOf(error).startsWith('HPE_');
}

/**
 * What an error means for its attempt. After the first byte every error counts, whoever threw it: the request may have
 * been performed.
 * @param isSent a byte of the request has left, or may have
 * @returns null: a fault of our own, before anything was sent
 */
export function failureOf(error: unknown, isSent: boolean): Failure | null {
  if (error instanceof BrokenResponse) {
    const failure = failureOf(error.cause, isSent);
    return failure === null ? null : { ...failure, head: error.head };
  }
  const seen = error instanceof Error ? whatWasSeen(error) : null;
  if (seen !== null) return { ...seen, unsent: !isSent };
  if (!isSent) return null;
  return { kind: 'internal', message: error instanceof Error ? error.message : String(error), unsent: false };
}

function whatWasSeen(error: Error): Omit<Failure, 'unsent'> | null {
  // A connector's EgressBlocked can come wrapped.
  const blocked = [error, error.cause].find((one) => one instanceof EgressBlocked);
  if (blocked instanceof Error) return { kind: 'blocked', message: blocked.message };
  const { message } = error;
  if (error instanceof AttemptTimeout) return { kind: 'timeout', message };
  if (error instanceof BodyTooLarge) return { kind: 'too-large', message };
  if (error instanceof errors.ResponseExceededMaxSizeError) {
    return { kind: 'too-large', message: `${message}; raise maxBody on the queue to allow it` };
  }
  if (error instanceof BodyNotStored) return { kind: 'store-error', message };
  if (error instanceof BadRedirect) return { kind: 'bad-response', message };
  if (error instanceof UnreadableBody) return { kind: 'bad-response', message };
  if (error instanceof UnreadableHead) return { kind: 'bad-response', message, passes: true };
  if (isParserError(error)) return { kind: 'bad-response', message: `the body cannot be read: ${message}` };
  const code = codeOf(error);
  if (decodeCode.test(code)) {
    return { kind: 'bad-response', message: `the body does not decode (${code}: ${message})` };
  }
  if (code !== '') return { kind: 'network', message: describe(error, code) };
  return null;
}

function describe(error: Error, code: string): string {
  const text = error.message === '' ? code : error.message;
  return text.includes(code) ? text : `${text} (${code})`;
}
