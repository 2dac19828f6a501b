import { parseArgs } from 'node:util';
import { wholeNumber, wholeNumbers } from '../numbers.ts';

export type LatencyOptions = {
  rounds: number;
  /** Requests of one way in one round, at 1 in flight; ten times as many at more. */
  requests: number;
  workers: number;
  inFlight: number[];
};

export const usage = `npm run bench -- latency [options]
  --rounds N       rounds, in each of which both ways take turns; figures are over all rounds (10)
  --requests N     GETs of 1 KB in a round at 1 in flight; ten times as many at more in flight (200)
  --in-flight LIST requests in flight at once (1,100)
  --workers N      worker processes (1)`;

/** @throws Error that names the option */
export function readOptions(args: string[]): LatencyOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '10' },
      requests: { type: 'string', default: '200' },
      'in-flight': { type: 'string', default: '1,100' },
      workers: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    rounds: wholeNumber('rounds', values.rounds),
    requests: wholeNumber('requests', values.requests),
    workers: wholeNumber('workers', values.workers),
    inFlight: wholeNumbers('in-flight', values['in-flight']),
  };
}
