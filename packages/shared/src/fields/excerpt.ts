const most = 120;

// Control characters, invisible ones, halves of a pair: what could steer a terminal or hide.
const unprintable = /[\p{C}\u2028\u2029]/gu;

const escaped = (character: string) => `\\u{${character.codePointAt(0)!.toString(16)}}`;

/** The beginning of a text from outside, in one line and printable: for messages. Pure. */
export function excerpt(text: string): string {
  const shown = text.length > most ? `${text.slice(0, most)}…` : text;
  return shown.replaceAll(unprintable, escaped);
}

/** A URL for messages and logs: its query may hold a secret, and is hidden. Pure. */
export function withoutQuery(url: string): string {
  const end = url.search(/[?#]/);
  if (end < 0) return url;
  return url[end] === '?' ? `${url.slice(0, end)}?…` : url.slice(0, end);
}
