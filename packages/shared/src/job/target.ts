import { z } from 'zod';

/** What is added to the query of a URL: a record (a field that is undefined is left out), pairs, or URLSearchParams. */
export type SearchParams =
  | Record<string, string | number | boolean | undefined>
  | Iterable<readonly [string, string]>;

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f]/;

/** An http or https URL, as text or as a `URL`. The parsed value is text. */
export const urlSchema = z
  .union([z.string(), z.instanceof(URL)], { error: 'expected a URL as text, or a URL object' })
  .transform(String)
  .superRefine((text, ctx) => {
    if (text === '') return void ctx.addIssue('is empty; expected an absolute http or https URL');
    if (controlCharacter.test(text))
      return void ctx.addIssue('has a control character; remove or percent-encode it');
    const parsed = URL.parse(text);
    if (parsed === null)
      return void ctx.addIssue(`"${text}" is not an absolute URL; expected http://… or https://…`);
    if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
      return void ctx.addIssue(`the scheme "${parsed.protocol}" is not allowed; use http: or https:`);
    }
    if (parsed.username !== '' || parsed.password !== '') {
      return void ctx.addIssue('has a user name or password; send an authorization header instead');
    }
  }) as unknown as z.ZodType<string, string | URL>;

const scalar = z.union([z.string(), z.number(), z.boolean()], { error: 'must be a text, number or boolean' });

const pairs = z.array(z.tuple([scalar, scalar], { error: 'must be a pair: [name, value]' }), {
  error: 'expected a record, [name, value] pairs, or URLSearchParams',
});

/** What is added to a URL's query. The parsed value is the text of a query, without its `?`. */
export const searchParamsSchema = z
  .preprocess((value) => {
    if (typeof value !== 'object' || value === null) return value;
    if (Symbol.iterator in value) return [...(value as Iterable<unknown>)];
    return Object.entries(value).filter(([, field]) => field !== undefined);
  }, pairs)
  .transform((list) =>
    new URLSearchParams(
      list.map(([name, value]): [string, string] => [String(name), String(value)]),
    ).toString(),
  ) as unknown as z.ZodType<string, SearchParams>;

/** A URL with more in its query. What it has already stays as it is written. Pure. @param query without `?` */
export function withQuery(url: string, query: string): string {
  if (query === '') return url;
  const parsed = new URL(url);
  parsed.search = parsed.search === '' ? query : `${parsed.search}&${query}`;
  return parsed.href;
}
