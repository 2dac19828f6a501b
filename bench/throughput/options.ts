import { parseArgs } from 'node:util';
import { wholeNumber, wholeNumbers } from '../numbers.ts';
import { contenders } from './contender.ts';

export type BenchOptions = {
  jobs: number;
  warmUp: number;
  rounds: number;
  concurrency: number;
  inFlight: number;
  /** Numbers of worker processes. */
  workers: number[];
  /** Names of contenders. */
  only: string[];
  /** The contender to profile instead of comparing. */
  profile: string | null;
};

export const usage = `npm run bench -- throughput [options]
  --jobs N         GETs of 1 KB in each case (20000)
  --rounds N       rounds that they are split into, the cases in turn; figures are medians of the rounds (12)
  --warm-up N      unmeasured jobs of each case before the first round (6000)
  --workers LIST   numbers of worker processes (1,2)
  --concurrency N  requests in flight in one worker process (50)
  --in-flight N    jobs enqueued and not yet ended (1000)
  --only LIST      of ${contenders.map(({ name }) => name).join(', ')}
  --profile        profile Sluice instead (or the one contender of --only), with one worker: where the time goes`;

/** @throws Error that names the option */
export function readOptions(args: string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      jobs: { type: 'string', default: '20000' },
      'warm-up': { type: 'string', default: '6000' },
      rounds: { type: 'string', default: '12' },
      workers: { type: 'string', default: '1,2' },
      concurrency: { type: 'string', default: '50' },
      'in-flight': { type: 'string', default: '1000' },
      only: { type: 'string', default: contenders.map(({ name }) => name).join(',') },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const only = values.only.split(',');
  const unknown = only.filter((name) => contenders.every((contender) => contender.name !== name));
  if (unknown.length > 0) throw new Error(`--only: there is no contender ${unknown.join(', ')}`);
  return {
    jobs: wholeNumber('jobs', values.jobs, 9),
    warmUp: wholeNumber('warm-up', values['warm-up'], 9),
    rounds: wholeNumber('rounds', values.rounds, 9),
    workers: wholeNumbers('workers', values.workers, 9),
    concurrency: wholeNumber('concurrency', values.concurrency, 9),
    inFlight: wholeNumber('in-flight', values['in-flight'], 9),
    only,
    profile: values.profile ? (only.length === 1 ? only[0]! : 'sluice') : null,
  };
}
