/**
 * Characters that steer a terminal or hide what is written: controls (C0, DEL, C1), format characters (bidirectional
 * embeddings and isolates, zero-width ones, tags), line and paragraph separators. New lines and tabs are not among them.
 */
const steering = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A lone half of a surrogate pair cannot be written as UTF-8. */
const half = /\p{Cs}/gu;

const escaped = (character: string) =>
  Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');

/**
 * Text from others (an id, a header, a URL, an error's message), made safe for a terminal: what would steer it is
 * written as `\u001b`. In JSON that is the same value. New lines and tabs stay.
 */
export function printable(text: string): string {
  return text.replaceAll(steering, escaped).replaceAll(half, escaped);
}

/** The same for text that must stay in its line or cell. */
export function printableInLine(text: string): string {
  return printable(text)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\t', ' ');
}

/**
 * From here on, no text that is written to the stream can steer the terminal.
 * @returns the stream as it was, for a display of our own that does steer it
 */
export function printableOnly(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  const write = stream.write.bind(stream);
  stream.write = (chunk: string | Uint8Array, ...rest: never[]): boolean =>
    write(typeof chunk === 'string' ? printable(chunk) : chunk, ...rest);
  return Object.create(stream, { write: { value: write } }) as NodeJS.WriteStream;
}
