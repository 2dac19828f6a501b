import type { DeadLetter } from './dead-letter.ts';

/** Which failed jobs; those for which all that is given is true. */
export interface DeadFilter {
  /** They failed with this code, such as `SLUICE_TIMEOUT`. */
  code?: string | undefined;
  /** Their request goes to this host: `api.example.com`, or with its port, `api.example.com:8443`. */
  host?: string | undefined;
  /** Their ids begin with this. */
  id?: string | undefined;
  /** They failed at this time or later, epoch ms. */
  since?: number | undefined;
  /** They failed before this time, epoch ms. */
  until?: number | undefined;
}

/** Whether only the entry of a job is asked for, and not what the job is. Pure. */
export function isOfEntries({ code, host }: DeadFilter): boolean {
  return code === undefined && host === undefined;
}

/** Whether an entry may be of a job that is meant: its id and time. Pure. @param failedAt epoch ms */
export function entryMatches(filter: DeadFilter, id: string, failedAt: number): boolean {
  const { since = 0, until = Number.POSITIVE_INFINITY } = filter;
  return failedAt >= since && failedAt < until && (filter.id === undefined || id.startsWith(filter.id));
}

/** Whether a job is meant, whose entry is. Pure. */
export function letterMatches({ code, host }: DeadFilter, letter: DeadLetter): boolean {
  if (code !== undefined && letter.code !== code) return false;
  if (host === undefined) return true;
  const url = URL.parse(letter.spec?.url ?? '');
  return url !== null && [url.host, url.hostname].includes(host.toLowerCase());
}
