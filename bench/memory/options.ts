import { parseArgs } from 'node:util';

export type MemoryOptions = {
  jobs: number;
  workers: number;
  concurrency: number;
  inFlight: number;
};

export const usage = `Does the memory of Redis or of the processes grow with the number of jobs that ever ran?

  npm run bench -- memory [options]
  --jobs N         jobs in all; what is kept after a tenth of them is compared with what is kept after all (500000)
  --workers N      worker processes (2)
  --concurrency N  requests in flight in one worker process (50)
  --in-flight N    tasks of the producer under way (200)

Exit code 1 when Redis, or the live heap of a process, has grown by more than 10 %. Ctrl-C ends it and prints what was
measured so far.`;

/** @throws Error that names the option */
export function readOptions(args: string[]): MemoryOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      jobs: { type: 'string', default: '500000' },
      workers: { type: 'string', default: '2' },
      concurrency: { type: 'string', default: '50' },
      'in-flight': { type: 'string', default: '200' },
      debug: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const number = (name: string, text: string, least = 1) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (value < least) throw new Error(`--${name}: "${text}" is not a whole number from ${least}`);
    return value;
  };
  return {
    // With fewer jobs, what the processes load at first outweighs what they keep.
    jobs: number('jobs', values.jobs, 10_000),
    workers: number('workers', values.workers),
    concurrency: number('concurrency', values.concurrency),
    inFlight: number('in-flight', values['in-flight']),
  };
}
