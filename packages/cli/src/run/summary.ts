import type { OutcomeKind } from '@sluice/shared';
import type { Tally } from './tally.ts';

/** What a run did. */
export type RunSummary = {
  /** Jobs of the input. */
  jobs: number;
  completed: number;
  failed: number;
  /** Requests that left, retries and redirect hops included. */
  requests: number;
  /** Of those, how many the upstream rejected: 429, or 503 with a wait. */
  rateLimited: number;
  /** From the first job enqueued to the last one's end. */
  seconds: number;
  /** Requests per second over that time. */
  requestsPerSecond: number;
};

const round = (value: number, places: number) => Number(value.toFixed(places));

/** Pure. @param seconds how long the run took */
export function summarize(
  jobs: number,
  tally: Tally,
  stats: { sent: number; rejected: number },
  seconds: number,
): RunSummary {
  return {
    jobs,
    completed: tally.completed,
    failed: tally.failed,
    requests: stats.sent,
    rateLimited: stats.rejected,
    seconds: round(seconds, 3),
    requestsPerSecond: seconds > 0 ? round(stats.sent / seconds, 2) : 0,
  };
}

/** `1 job`, `2 jobs`. Pure. */
export const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** What to do about a kind of failure, where the command line can help. */
const hints: Partial<Record<OutcomeKind, string>> = {
  network: 'is the upstream up, and the address right?',
  timeout: 'a longer --timeout gives slow answers time',
  'too-large': 'a larger --max-body lets such a body through',
  'rate-limited': 'a lower --rate, or more --attempts, gets them through',
  'http-error': 'more --attempts try for longer',
};

/** The end of a run for people: one line, then one for each kind of failure. Pure. */
export function summaryText(summary: RunSummary, tally: Tally): string {
  const { jobs, completed, failed, requests, rateLimited, seconds, requestsPerSecond } = summary;
  const notDone = jobs - completed - failed;
  const lines = [
    `${counted(jobs, 'job')}: ${completed} completed, ${failed} failed${notDone > 0 ? `, ${notDone} not done` : ''}; ` +
      `${counted(requests, 'request')} in ${round(seconds, 1)} s (${round(requestsPerSecond, 1)}/s), ${rateLimited} rate-limited`,
  ];
  for (const [kind, { count, index, url, message }] of tally.failures) {
    const hint = hints[kind] === undefined ? '' : ` -- ${hints[kind]}`;
    lines.push(`  ${count} x ${kind}, the first at index ${index}: ${url}: ${message}${hint}`);
  }
  return lines.join('\n');
}
