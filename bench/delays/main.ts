import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openShakyFleet } from '../../test/e2e/outages/shaky-fleet.ts';
import { limit, prepare, reportOf } from '../../test/e2e/outages/steady-load.ts';
import { runBench } from '../run-bench.ts';
import { type Delay, endings, ratesAndPauses, recovery } from './orders.ts';

const usage = `How soon is an order obeyed, and how soon is a fault over? Each delay is a share of the promised one.

  npm run bench -- delays [--times 3]

Two workers, a Redis and an upstream of the bench's own. Above 1.00 the promise was broken: a busy machine breaks some.`;

/** What a fault does to the fleet's Redis; resolves when it is over. */
const faults: Record<string, (fleet: Awaited<ReturnType<typeof openShakyFleet>>) => Promise<void>> = {
  'Redis restarted': ({ redis }) => redis.restart(),
  'Redis frozen for 7 s': async ({ redis }) => {
    await redis.kill('SIGSTOP');
    await sleep(7000);
    await redis.kill('SIGCONT');
  },
};

async function* once(): AsyncGenerator<Delay> {
  for (const orders of [ratesAndPauses, endings]) {
    await using fleet = await openShakyFleet();
    yield* orders(fleet);
  }
  for (const [what, fault] of Object.entries(faults)) {
    await using fleet = await openShakyFleet();
    await prepare(fleet);
    yield* recovery(what, await reportOf(fleet, () => fault(fleet), 8 * limit), limit);
  }
}

function readOptions(args: string[]): { times: number } | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      times: { type: 'string', default: '3' },
      help: { type: 'boolean', short: 'h', default: false },
      debug: { type: 'boolean' },
    },
  });
  if (values.help) return 'help';
  const times = Number(values.times);
  if (!Number.isInteger(times) || times < 1)
    throw new Error(`--times: "${values.times}" is not a whole number from 1`);
  return { times };
}

await runBench(readOptions, usage, async ({ times }) => {
  const shares = new Map<string, number[]>();
  for (let n = 0; n < times; n++) {
    for await (const { what, promisedMs, tookMs } of once()) {
      const share = tookMs / promisedMs;
      shares.set(what, [...(shares.get(what) ?? []), share]);
      console.log(
        `${what.padEnd(40)} ${Math.round(tookMs)} ms of ${promisedMs} ms`.padEnd(64) + share.toFixed(2),
      );
    }
  }
  console.log(`\n${'worst share of the promised delay'.padEnd(64)}`);
  for (const [what, list] of shares) console.log(`${what.padEnd(64)}${Math.max(...list).toFixed(2)}`);
});
