import { errors } from 'undici';
import { EgressBlocked, failedToConnect } from './connector.ts';
import { AttemptTimeout } from './timeout.ts';

/** An attempt that ended without a usable response. */
export type Failure = {
  kind: 'timeout' | 'network' | 'store-error' | 'blocked' | 'too-large' | 'bad-response';
  message: string;
  /** It is proven that the upstream has seen nothing of the request. */
  unsent: boolean;
  /** No retry before this many ms; absent: the backoff's delay. */
  waitMs?: number;
  /** The wait is that of a hold. */
  held?: boolean;
};

/** The body, decoded or not, is larger than the queue's `maxBody`. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
  constructor(limit: number) {
    super(`the response body is larger than ${limit} bytes; raise maxBody on the queue if it is wanted`);
  }
}

/** The body store did not take the body. */
export class BodyNotStored extends Error {
  override readonly name = 'BodyNotStored';
}

/** The guard refused this URL: the first one, or a redirect's. */
export class UrlBlocked extends Error {
  override readonly name = 'UrlBlocked';
}

/** A redirect that cannot be followed. */
export class BadRedirect extends Error {
  override readonly name = 'BadRedirect';
}

/** `Z_DATA_ERROR` and the like: the body does not decode. */
const decodeCode = /^(Z_|ERR__ERROR_|ERR_BROTLI|ZSTD_)/;

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What an error of the HTTP client means; null when it is none of the attempt's (a fault of our own). */
export function failureOf(error: unknown): Failure | null {
  if (!(error instanceof Error)) return null;
  // A connector's refusal can come wrapped.
  const blocked = [error, error.cause].find(
    (one) => one instanceof EgressBlocked || one instanceof UrlBlocked,
  );
  if (blocked instanceof Error) return { kind: 'blocked', message: blocked.message, unsent: true };
  if (error instanceof AttemptTimeout) return { kind: 'timeout', message: error.message, unsent: false };
  if (error instanceof BodyTooLarge) return { kind: 'too-large', message: error.message, unsent: false };
  if (error instanceof errors.ResponseExceededMaxSizeError) {
    return {
      kind: 'too-large',
      message: `${error.message}; raise maxBody on the queue if it is wanted`,
      unsent: false,
    };
  }
  if (error instanceof BodyNotStored) return { kind: 'store-error', message: error.message, unsent: false };
  if (error instanceof BadRedirect) return { kind: 'bad-response', message: error.message, unsent: false };
  const code = codeOf(error);
  if (decodeCode.test(code)) {
    return {
      kind: 'bad-response',
      message: `the body does not decode (${code}: ${error.message})`,
      unsent: false,
    };
  }
  if (code !== '') return { kind: 'network', message: describe(error, code), unsent: failedToConnect(error) };
  return null;
}

function describe(error: Error, code: string): string {
  const text = error.message === '' ? code : error.message;
  return text.includes(code) ? text : `${text} (${code})`;
}
