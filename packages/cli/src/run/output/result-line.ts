import { isUtf8 } from 'node:buffer';
import type { StreamItem } from '@sluice/producer';

/** One line of the results: a job that ended. */
export type ResultLine = {
  /** Position of the job in the input, from 0; blank lines and comments do not count. */
  index: number;
  id: string;
  url: string;
  outcome: StreamItem['outcome']['kind'];
  /** The status of the last response; null when there was none. */
  status: number | null;
  /** Attempts made; 0 when nothing was ever sent. */
  attempts: number;
  /** Duration of the last attempt, ms. */
  durationMs: number;
  /** Size of the body, after decompression. */
  bytes: number;
  error?: { code: string; message: string };
  /** The body, when asked for and when it is UTF-8 text. */
  body?: string;
  /** The body, when asked for and when it is not. */
  bodyBase64?: string;
};

/** A job that ended, as a line of the results. Pure. @param bodies whether the body is part of it */
export function resultLine(item: StreamItem, bodies: boolean): ResultLine {
  const { outcome, body, spec } = item;
  const line: ResultLine = {
    index: item.index,
    id: item.id,
    url: String(typeof spec === 'string' || spec instanceof URL ? spec : spec.url),
    outcome: outcome.kind,
    status: outcome.response?.status ?? null,
    attempts: outcome.attempts,
    durationMs: outcome.durationMs,
    bytes: outcome.stored?.bytes ?? body.length,
  };
  if (outcome.error !== undefined) line.error = { code: outcome.error.code, message: outcome.error.message };
  if (!bodies) return line;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return isUtf8(bytes)
    ? { ...line, body: bytes.toString('utf8') }
    : { ...line, bodyBase64: bytes.toString('base64') };
}
