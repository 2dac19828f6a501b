import { type Settled, withoutQuery } from '@sluice/shared';

/** A job, and its request as far as it is known: for messages. */
export type JobName = {
  id: string;
  queue: string | undefined;
  /** The batch whose reader knows no more of the job. */
  batch?: string;
  method?: string | undefined;
  /** Its query is hidden. */
  url?: string | undefined;
};

/** `GET https://a.test/x?…`, or as much as is known. */
export function requestLine({ method, url }: Pick<JobName, 'method' | 'url'>): string {
  return [method, url].filter((part) => part !== undefined).join(' ');
}

/** The same; where its URL is not known, with the one that answered. */
export function nameOf(job: JobName, { outcome }: Settled): JobName {
  const url = job.url ?? (outcome.response && withoutQuery(outcome.response.url));
  return { ...job, url };
}

/** The request of a spec that was accepted. */
export function requestOf({ method, url }: { method: string; url: string }): { method: string; url: string } {
  return { method, url: withoutQuery(url) };
}
