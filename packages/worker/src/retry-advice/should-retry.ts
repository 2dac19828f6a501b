import { type HeaderLines, headerValues } from './header-lines.ts';

const headers = ['x-should-retry', 'stripe-should-retry'];

/**
 * Whether the server orders (true) or forbids (false) a retry: `x-should-retry` of OpenAI and Anthropic,
 * `stripe-should-retry`. Null when it says neither; a prohibition wins over an order.
 */
export function shouldRetryHeader(lines: HeaderLines): boolean | null {
  const values = headers.flatMap((name) => headerValues(lines, name)).map((value) => value.toLowerCase());
  if (values.includes('false')) return false;
  return values.includes('true') ? true : null;
}
