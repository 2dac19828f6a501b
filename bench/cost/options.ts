import { parseArgs } from 'node:util';
import { wholeNumber, wholeNumbers } from '../numbers.ts';

export type CostOptions = {
  /** Numbers of worker processes, with one queue. */
  workers: number[];
  /** Numbers of queues that the jobs are spread over, with one worker. */
  queues: number[];
  jobs: number;
  rounds: number;
  warmUp: number;
};

export const usage = `npm run bench -- cost [options]
  what a request costs with more workers, and with more queues: a table, and a plot (bench/results/cost.svg)
  --workers LIST   numbers of worker processes, with one queue (1,2,4,8)
  --queues LIST    numbers of queues that the jobs are spread over, with one worker (1,10,100,1000)
  --jobs N         GETs of 1 KB in each case (20000)
  --rounds N       rounds that they are split into, the cases in turn (12)
  --warm-up N      unmeasured jobs of each case before the first round (6000)`;

/** @throws Error that names the option */
export function readOptions(args: string[]): CostOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      workers: { type: 'string', default: '1,2,4,8' },
      queues: { type: 'string', default: '1,10,100,1000' },
      jobs: { type: 'string', default: '20000' },
      rounds: { type: 'string', default: '12' },
      'warm-up': { type: 'string', default: '6000' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    workers: wholeNumbers('workers', values.workers),
    queues: wholeNumbers('queues', values.queues),
    jobs: wholeNumber('jobs', values.jobs),
    rounds: wholeNumber('rounds', values.rounds),
    warmUp: wholeNumber('warm-up', values['warm-up']),
  };
}
