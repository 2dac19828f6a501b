/** Stands for what may be a secret. */
export const hidden = '(hidden; --reveal shows it)';

/** A request in one line. Its query may carry a key. Pure. @param reveal with the query */
export function requestText(
  { method, url }: { method?: string | undefined; url: string },
  reveal: boolean,
): string {
  const query = url.indexOf('?');
  return `${method ?? 'GET'} ${reveal || query === -1 ? url : `${url.slice(0, query)}?${hidden}`}`;
}
