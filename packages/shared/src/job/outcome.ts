import { clip } from '../fields/clip.ts';
import type { ErrorCode } from '../errors.ts';

/**
 * How a job ended, as data. `response` is any status that is not retryable (4xx, 501 and 505 included);
 * every other kind is a failure and has an `error`.
 */
export const outcomeKinds = [
  'response',
  'http-error',
  'timeout',
  'network',
  'rate-limited',
  'blocked',
  'too-large',
  'bad-response',
  'store-error',
  'transform-error',
  'expired',
  'cancelled',
  'ambiguous',
  'poison',
  'internal',
] as const;
export type OutcomeKind = (typeof outcomeKinds)[number];

/** The code of each kind of failure. */
export const codeOfOutcome: Record<Exclude<OutcomeKind, 'response'>, ErrorCode> = {
  'http-error': 'SLUICE_HTTP_ERROR',
  timeout: 'SLUICE_TIMEOUT',
  network: 'SLUICE_NETWORK',
  'rate-limited': 'SLUICE_RATE_LIMITED',
  blocked: 'SLUICE_BLOCKED',
  'too-large': 'SLUICE_TOO_LARGE',
  'bad-response': 'SLUICE_BAD_RESPONSE',
  'store-error': 'SLUICE_BODY_STORE',
  'transform-error': 'SLUICE_TRANSFORM',
  expired: 'SLUICE_EXPIRED',
  cancelled: 'SLUICE_CANCELLED',
  ambiguous: 'SLUICE_AMBIGUOUS',
  poison: 'SLUICE_POISON',
  internal: 'SLUICE_INTERNAL',
};

/** The head of a response. The body travels separately, as bytes. */
export type ResponseHead = {
  status: number;
  /** Lower-case names; several lines of one field as a list. */
  headers: Record<string, string | string[]>;
  /** The URL that answered, after redirects. */
  url: string;
};

/** A body in the body store. */
export type StoredBody = {
  key: string;
  /** After decompression. */
  bytes: number;
  /** In hex. */
  sha256: string;
};

/** How one attempt of a job ended. */
export type AttemptEnd = {
  /** Which attempt, from 1. */
  n: number;
  /** Epoch ms, by Redis' clock. */
  at: number;
  kind: OutcomeKind;
  /** The status that the upstream answered with. */
  status?: number;
  /** Why it failed, 200 characters at most. Absent: it did not. */
  error?: string;
  /** How long the next attempt was put off, ms; 0: none follows, or at once. */
  waitMs: number;
};

export type Outcome = {
  kind: OutcomeKind;
  /** Attempts made, the last included; 0 when nothing was ever sent. */
  attempts: number;
  /** Epoch ms of the end, by Redis' clock. */
  endedAt: number;
  /** From the last attempt's permit to its end, ms. */
  durationMs: number;
  /** The last response, where there was one (also with `http-error` and `rate-limited`). */
  response?: ResponseHead;
  error?: { code: ErrorCode; message: string };
  /** Where the body is stored; then the body that travels with the outcome is empty. */
  stored?: StoredBody;
  /** The transform that made the body from the response's, and the content type of its result. */
  transformed?: { name: string; contentType: string };
  /** Size of a body that was too large to be kept with a dead letter. */
  bodyLeftOut?: number;
  /**
   * The ends of its last ten attempts, in order. Absent: the only attempt led to the response, or the worker is of an
   * older version.
   */
  ends?: readonly AttemptEnd[];
  /** What the caller gave with the job. */
  meta?: unknown;
};

/** The error of an outcome that is no `response`. The one place that clips the text of an error. */
export function outcomeError(code: ErrorCode, message: string): NonNullable<Outcome['error']> {
  return { code, message: clip(message) };
}

/** An outcome with its body. */
export type Settled = { outcome: Outcome; body: Uint8Array };

const newline = 0x0a;

/**
 * The bytes of a settled outcome in Redis: the outcome as one line of JSON, then the body as it is.
 * (Base64 inside JSON costs a third more memory and most of the CPU of a reply.)
 */
export function encodeSettled(outcome: Outcome, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(outcome)}\n`), body]);
}

/**
 * The reverse of encodeSettled; null when the bytes are only a marker (the outcome went by reply and is not kept).
 * A kind that only a newer worker knows is returned as it is: anything but `response` is a failure. If the bytes are
 * not an outcome, the job ends as `internal` for whoever awaits it.
 */
export function decodeSettled(bytes: Buffer): Settled | null {
  const end = bytes.indexOf(newline);
  if (end < 0) return null;
  const outcome = outcomeIn(bytes.toString('utf8', 0, end));
  return outcome === null
    ? { outcome: unreadable, body: new Uint8Array() }
    : { outcome, body: bytes.subarray(end + 1) };
}

const unreadable: Outcome = {
  kind: 'internal',
  attempts: 0,
  endedAt: 0,
  durationMs: 0,
  error: { code: 'SLUICE_INTERNAL', message: 'the outcome in Redis cannot be read' },
};

function outcomeIn(text: string): Outcome | null {
  try {
    const value = JSON.parse(text) as Partial<Outcome> | null;
    return typeof value?.kind === 'string' ? (value as Outcome) : null;
  } catch {
    return null;
  }
}
