import { parseDictionary } from 'structured-headers';

/** Load balancers cut off what is silent for 60 s, s. */
export const defaultWaitSeconds = 25;
/** The longest wait of one request, s. A client that wants to wait longer asks again. */
export const longestWaitSeconds = 300;

/** How long a caller would wait, s: `Prefer: wait=10` (RFC 7240). What cannot be read is ignored, as the RFC says. */
export function preferredWait(header: string | string[] | undefined): number {
  if (header === undefined) return defaultWaitSeconds;
  try {
    const preferences = parseDictionary([header].flat().join(', '));
    const [wait] = preferences.get('wait') ?? [];
    if (typeof wait === 'number' && wait >= 0) return Math.min(wait, longestWaitSeconds);
    if (preferences.has('respond-async')) return 0;
  } catch {
    // Not readable.
  }
  return defaultWaitSeconds;
}
