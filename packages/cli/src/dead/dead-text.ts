import type { DeadLetter, DeadLetterDetail } from '@sluice/producer';
import { table } from '../text/table.ts';
import { numberText, timeText } from '../text/units.ts';

/** So much of a body is shown, characters. */
const bodyShown = 2000;

/** Headers whose value is a secret as a rule. */
const secretHeader = /^(?:proxy-)?authorization$|cookie|token|secret|api-?key/i;

/** What it says is the upstream's: nothing of it may steer the terminal. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- the control characters are what is replaced
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\uFFFD');
}

/** One line a failed job. Pure. @param now epoch ms */
export function deadListText(letters: readonly DeadLetter[], now: number): string {
  const rows = letters.map(({ id, code, attempts, failedAt, spec }) => [
    id,
    `${timeText(Math.max(0, now - failedAt))} ago`,
    code,
    String(attempts),
    spec === null ? '(cannot be read)' : printable(`${spec.method} ${spec.url}`),
  ]);
  return table([['ID', 'FAILED', 'CODE', 'ATTEMPTS', 'REQUEST'], ...rows], [3]);
}

function headerRows(headers: Record<string, string | string[]>): string[][] {
  return Object.entries(headers).map(([name, value]) => [
    `  ${name}`,
    secretHeader.test(name) ? '(hidden; --json has it)' : printable([value].flat().join(', ')),
  ]);
}

function bodyText(body: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return `  (${body.byteLength} bytes that are no text)\n`;
  }
  const shown = printable(text.slice(0, bodyShown));
  const more = text.length > bodyShown ? `\n  (of ${body.byteLength} bytes; --json has all)` : '';
  return `  ${shown.replaceAll('\n', '\n  ')}${more}\n`;
}

/** All about one failed job. Pure. @param now epoch ms */
export function deadShowText(letter: DeadLetterDetail, now: number): string {
  const { spec, outcome } = letter;
  const at = (ms: number) => `${new Date(ms).toISOString()} (${timeText(Math.max(0, now - ms))} ago)`;
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
    ['because', printable(letter.failedReason)],
    ['attempts', String(letter.attempts)],
    ['enqueued', letter.enqueuedAt === null ? 'not known' : at(letter.enqueuedAt)],
    ...letter.redrives.map((redrive, index) => [
      index === 0 ? 'redriven' : '',
      `${at(redrive.at)} after ${redrive.attempts} attempts: ${printable(redrive.reason)}`,
    ]),
    ['request', spec === null ? 'cannot be read' : printable(`${spec.method} ${spec.url}`)],
    ...Object.entries(options).map(([name, value]) => [`  ${name}`, JSON.stringify(value)]),
    ...headerRows(spec?.headers ?? {}),
  ]);
  if (spec === null && letter.data !== null) text += bodyText(new TextEncoder().encode(letter.data));
  if (spec?.body !== undefined) text += bodyText(new TextEncoder().encode(spec.body));
  if (spec?.bodyBase64 !== undefined)
    text += bodyText(Uint8Array.from(Buffer.from(spec.bodyBase64, 'base64')));
  if (outcome === null) return text;
  text += table([
    ['outcome', `${outcome.kind}, the last attempt took ${numberText(outcome.durationMs)} ms`],
    ...(outcome.response === undefined
      ? []
      : [
          ['response', `${outcome.response.status} from ${printable(outcome.response.url)}`],
          ...headerRows(outcome.response.headers),
        ]),
    ...(outcome.stored === undefined
      ? []
      : [['body', `${outcome.stored.bytes} bytes in the body store, under ${outcome.stored.key}`]]),
    ...(outcome.bodyLeftOut === undefined
      ? []
      : [['body', `${outcome.bodyLeftOut} bytes, too large to be kept`]]),
  ]);
  return letter.body.byteLength > 0 ? `${text}${bodyText(letter.body)}` : text;
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
