import { parseArgs } from 'node:util';
import { wholeNumber, wholeNumbers } from '../numbers.ts';

export type IdleOptions = {
  /** Numbers of queues without a job. */
  queues: number[];
  /** Numbers of worker processes. */
  workers: number[];
  /** How long each case is measured, s. */
  seconds: number;
};

export const usage = `npm run bench -- idle [options]
  what queues without a job cost: the CPU of each worker and of Redis, commands, connections
  --queues LIST    numbers of queues (1,10,100,1000)
  --workers LIST   numbers of worker processes, each of which serves all queues (1,2)
  --seconds N      how long each case is measured (20)`;

/** @throws Error that names the option */
export function readOptions(args: string[]): IdleOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      queues: { type: 'string', default: '1,10,100,1000' },
      workers: { type: 'string', default: '1,2' },
      seconds: { type: 'string', default: '20' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    queues: wholeNumbers('queues', values.queues, 5),
    workers: wholeNumbers('workers', values.workers, 5),
    seconds: wholeNumber('seconds', values.seconds, 5),
  };
}
