import type { DeadLetter, DeadLetterDetail } from '@sluice/producer';
import { hidden, requestText } from '../text/request.ts';
import { printable } from '../text/printable.ts';
import { table } from '../text/table.ts';
import { numberText } from '../text/units.ts';
import { relativeText, whenText } from '../text/when.ts';

/** How much of a body is shown, in characters. */
const bodyShown = 2000;

/** Headers that never carry a secret. The values of all others are hidden: any of them could be one. */
const shownHeader =
  /^(?:accept(?:-.+)?|age|allow|cache-control|connection|content-(?:encoding|language|length|range|type)|date|etag|expires|if-(?:match|none-match|modified-since|unmodified-since|range)|last-modified|range|retry-after(?:-ms)?|server|transfer-encoding|user-agent|vary|via|warning|x-request-id|x-correlation-id|(?:x-)?rate-?limit(?:-.+)?)$/i;

/** One line per failed job. Pure. @param now epoch ms */
export function deadListText(letters: readonly DeadLetter[], now: number): string {
  const rows = letters.map(({ id, code, kind, attempts, failedAt, spec }) => [
    id,
    relativeText(failedAt, now),
    code,
    kind ?? '',
    String(attempts),
    spec === null ? '(cannot be read)' : requestText(spec, false),
  ]);
  return table([['ID', 'FAILED', 'CODE', 'KIND', 'ATTEMPTS', 'REQUEST'], ...rows], [4]);
}

function headerRows(headers: Record<string, string | string[]>, reveal: boolean): string[][] {
  return Object.entries(headers).map(([name, value]) => [
    `  ${name}`,
    reveal || shownHeader.test(name) ? [value].flat().join(', ') : hidden,
  ]);
}

function bodyText(body: Uint8Array, reveal: boolean): string {
  if (!reveal) return `  (${body.byteLength} bytes, hidden; --reveal shows them)\n`;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return `  (${body.byteLength} bytes, not text)\n`;
  }
  const shown = printable(text.slice(0, bodyShown));
  const more = text.length > bodyShown ? `\n  (of ${body.byteLength} bytes; --json has all)` : '';
  return `  ${shown.replaceAll('\n', '\n  ')}${more}\n`;
}

/**
 * Everything about one failed job. Pure.
 * @param now epoch ms
 * @param reveal with the query, all headers and the bodies, which may hold credentials and personal data
 */
export function deadShowText(letter: DeadLetterDetail, now: number, reveal = false): string {
  const { spec, outcome } = letter;
  const at = (ms: number) => whenText(ms, now);
  const {
    url: _url,
    method: _method,
    headers: _headers,
    body: _body,
    bodyBase64: _base64,
    ...options
  } = spec ?? {
    url: '',
  };
  let text = table([
    ['job', letter.id],
    ['queue', letter.queue],
    ['failed', at(letter.failedAt)],
    ['because', letter.failedReason],
    ['attempts', String(letter.attempts)],
    ['enqueued', letter.enqueuedAt === null ? 'not known' : at(letter.enqueuedAt)],
    ...letter.redrives.map((redrive, index) => [
      index === 0 ? 'redriven' : '',
      `${at(redrive.at)} after ${redrive.attempts} attempts: ${redrive.reason}`,
    ]),
    ['request', spec === null ? 'cannot be read' : requestText(spec, reveal)],
    ...Object.entries(options).map(([name, value]) => [`  ${name}`, JSON.stringify(value)]),
    ...headerRows(spec?.headers ?? {}, reveal),
  ]);
  if (spec === null && letter.data !== null) text += bodyText(new TextEncoder().encode(letter.data), reveal);
  if (spec?.body !== undefined) text += bodyText(new TextEncoder().encode(spec.body), reveal);
  if (spec?.bodyBase64 !== undefined)
    text += bodyText(Uint8Array.from(Buffer.from(spec.bodyBase64, 'base64')), reveal);
  if (outcome === null) return text;
  text += table([
    ['outcome', `${outcome.kind}, the last attempt took ${numberText(outcome.durationMs)} ms`],
    ...(outcome.response === undefined
      ? []
      : [
          [
            'response',
            `${outcome.response.status} from ${requestText({ method: '', url: outcome.response.url }, reveal).trim()}`,
          ],
          ...headerRows(outcome.response.headers, reveal),
        ]),
    ...(outcome.stored === undefined
      ? []
      : [['body', `${outcome.stored.bytes} bytes in the body store, under ${outcome.stored.key}`]]),
    ...(outcome.bodyLeftOut === undefined
      ? []
      : [['body', `${outcome.bodyLeftOut} bytes, too large to be kept`]]),
  ]);
  return letter.body.byteLength > 0 ? `${text}${bodyText(letter.body, reveal)}` : text;
}

/** The same for programs: the body as text where it is text, else in base64. Pure. */
export function deadShowJson({ body, data, ...letter }: DeadLetterDetail): Record<string, unknown> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isText = bytes.equals(Buffer.from(bytes.toString('utf8')));
  return {
    ...letter,
    ...(bytes.length > 0 &&
      (isText ? { body: bytes.toString('utf8') } : { bodyBase64: bytes.toString('base64') })),
    ...(letter.spec === null && { data }),
  };
}
