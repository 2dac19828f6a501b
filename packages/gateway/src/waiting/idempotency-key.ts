import { SluiceError } from '@sluice/shared';
import { parseItem } from 'structured-headers';

const longest = 200;

/**
 * The `Idempotency-Key` of a call (draft-ietf-httpapi-idempotency-key-header, a structured string). Many clients send it
 * without the quotes: `"k"` and `k` are one key.
 * @throws SluiceError SLUICE_INVALID_REQUEST
 */
export function idempotencyKeyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const text = [header].flat().join(', ').trim();
  const key = text.startsWith('"') ? quoted(text) : text;
  if (key === null || !/^[!-~](?:[ -~]*[!-~])?$/.test(key) || key.length > longest) {
    const message = `the header Idempotency-Key must be one text of 1 to ${longest} visible ASCII characters`;
    throw new SluiceError('SLUICE_INVALID_REQUEST', message);
  }
  return key;
}

function quoted(text: string): string | null {
  try {
    const [value] = parseItem(text);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
