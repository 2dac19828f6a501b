/** A response's headers as they arrive: names in any case, one value or several. */
export type RawHeaders = Record<string, string | string[] | undefined>;

/** Header values by lower-case name: every field line, trimmed, in order. */
export type HeaderLines = ReadonlyMap<string, readonly string[]>;

// No field that we read has a longer name; a longer one would only make the name patterns slow.
const longestName = 128;

/** Headers with names in lower case (RFC 9110 5.1) and lines of names that differ only in case put together. */
export function headerLines(headers: RawHeaders): HeaderLines {
  const lines = new Map<string, string[]>();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.length > longestName) continue;
    const key = name.toLowerCase();
    const trimmed = (Array.isArray(value) ? value : [value]).map((line) => line.trim());
    lines.set(key, (lines.get(key) ?? []).concat(trimmed));
  }
  return lines;
}

// Lines joined into one carry a comma between them, with or without white space (RFC 9110 5.3 and 5.6.1), and so does an
// HTTP-date after its weekday.
const separator = /(?<!(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|day))[ \t]*,[ \t]*/;

/** Every value of a header, whether sent as several lines or joined into one; HTTP-dates stay whole. */
export function headerValues(lines: HeaderLines, name: string): string[] {
  return (lines.get(name) ?? []).flatMap((line) => line.split(separator));
}
