/** What a system error says, without its code and call: `ENOENT: no such file or directory, open 'x'` -> the middle. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^[A-Z]+: (.+?)(?:,|$)/.exec(text)?.[1] ?? text;
}
