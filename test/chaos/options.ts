import { parseArgs } from 'node:util';

export const usage = `Does Sluice lose anything, whatever dies? Producers, workers, a Redis and an upstream that misbehaves, under a plan of faults.

  npm run chaos -- [--seed N] [--seeds N] [--minutes M] [--out FOLDER]

  --seed N      what decides the faults and the jobs (a random one, which is printed)
  --seeds N     so many runs one after another: seed, seed + 1, … (1)
  --minutes M   how long faults come, 0.2 to 600; the run ends when everything has settled (3)
  --out FOLDER  where the timeline of each run is drawn, as seed-N.svg (none)

It needs redis-server or valkey-server on the PATH: the server is killed and frozen as well.
Exit code 0: nothing was lost, failed wrongly, or made twice without a reason; 1: something was, and it is listed.

  npm run chaos -- --minutes 1
  npm run chaos -- --seed 1 --seeds 20 --minutes 2 --out /tmp/chaos`;

export interface ChaosOptions {
  seed: number;
  seeds: number;
  minutes: number;
  out: string | null;
}

/** @throws Error that names the option */
export function readOptions(args: string[]): ChaosOptions | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '3' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const whole = (name: string, text: string) => {
    if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is not a whole number`);
    return Number(text);
  };
  const minutes = Number(values.minutes);
  if (!(minutes >= 0.2 && minutes <= 600))
    throw new Error(`--minutes: "${values.minutes}" is not 0.2 to 600`);
  const seeds = whole('seeds', values.seeds);
  if (seeds < 1) throw new Error('--seeds: at least 1');
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e6) : whole('seed', values.seed);
  return { seed, seeds, minutes, out: values.out ?? null };
}
