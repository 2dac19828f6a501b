import type { Explanation } from '@sluice/producer';
import { relativeText, spanText, whenText } from '../text/when.ts';

const before = (ahead: number | null) =>
  ahead === null
    ? 'more than 10000 jobs are taken before it'
    : `${ahead} ${ahead === 1 ? 'job is' : 'jobs are'} taken before it`;

/** Attempt 2 of 6 failed -> `2 of 6`. */
const ofMost = ({ attempts: { made, most } }: Explanation) => `${made}${most === null ? '' : ` of ${most}`}`;

/** Why a job is where it is, as a sentence without its full stop. Pure. @param isServed a worker serves its queue */
export function whyText(explanation: Explanation, isServed: boolean): string {
  const { why, until, ahead, at, outcome, attempts, worker, runningMs } = explanation;
  const time = until === null ? '' : ` until ${whenText(until, at)}`;
  switch (why) {
    case 'no-policy':
      return 'the queue has no policy, so no worker serves it: sluice queue set';
    case 'paused':
      return 'the queue is paused: sluice queue resume';
    case 'held':
      return `the upstream asked for quiet; held${time}: sluice queue release`;
    case 'concurrency':
      return 'as many jobs of the queue run as its policy allows in the fleet';
    case 'rate':
      return `the rate of the queue: ${ahead === 0 ? `the next start is not yet${time}` : before(ahead)}`;
    case 'behind':
      return before(ahead);
    case 'worker':
      return isServed
        ? 'nothing: the next free worker takes it'
        : 'no worker of this version serves the queue: npx sluice worker';
    case 'scheduled':
      return `it was enqueued for later: not before ${whenText(until ?? at, at)}`;
    case 'backoff':
      return `backoff after attempt ${ofMost(explanation)}${time}`;
    case 'put-off':
      return `put off with no attempt spent${time}`;
    case 'running':
      return `${worker === null ? 'a worker' : `worker ${worker}`} has it${runningMs === null ? '' : `, for ${spanText(runningMs)}`}: attempt ${attempts.made + 1}${attempts.most === null ? '' : ` of ${attempts.most}`}`;
    case 'cancelling':
      return 'it was cancelled; its worker is told';
    case 'ended': {
      const when = outcome?.endedAt == null ? '' : ` ${relativeText(outcome.endedAt, at)}`;
      return `it ended${when}`;
    }
    case 'unknown':
      return 'there is no such job, or its outcome is no longer kept';
  }
}
