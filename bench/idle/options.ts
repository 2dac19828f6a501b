import { parseArgs } from 'node:util';

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
  const number = (name: string, text: string) => {
    if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`--${name}: "${text}" is not a whole number from 1`);
    return Number(text);
  };
  const list = (name: 'queues' | 'workers') => values[name].split(',').map((text) => number(name, text));
  return { queues: list('queues'), workers: list('workers'), seconds: number('seconds', values.seconds) };
}
