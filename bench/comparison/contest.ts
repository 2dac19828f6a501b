import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnUpstream } from '../../test/lab/upstream/spawn.ts';
import { type Measured, measure } from '../rate/measure.ts';
import type { Setting } from './contender.ts';

export type Contest = {
  /** The file in `contenders`. */
  contender: string;
  limit: number;
  perMs: number;
  jobs: number;
  redisUrl: string;
};

/** The work arrives where it arrives: the first process has this share of it, the second the rest. */
const firstShare = 0.75;

/** Nothing that takes this many times as long as the rate needs will end, ms. */
const patience = 4;

const start = (contender: string, setting: Setting): ChildProcess =>
  fork(fileURLToPath(new URL(`contenders/${contender}.ts`, import.meta.url)), [JSON.stringify(setting)], {
    execArgv: ['--conditions=sluice-source'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });

/** Runs one contender in two processes against an upstream that enforces the rate and logs every arrival. */
export async function runContest({ contender, limit, perMs, jobs, redisUrl }: Contest): Promise<Measured> {
  await using upstream = await spawnUpstream({
    bodyBytes: 100,
    limit: { limit, perMs, shape: 'sliding', retryAfter: 'seconds' },
  });
  const all = Array.from({ length: jobs }, (_, index) => `${upstream.url}/item/${index}`);
  const middle = Math.round(jobs * firstShare);
  const shares = [all.slice(0, middle), all.slice(middle)];
  const queue = `comparison-${contender}-${Date.now()}`;
  const children = shares.map((urls) =>
    start(contender, { redisUrl, queue, limit, perMs, processes: shares.length, urls }),
  );
  try {
    await Promise.all(
      children.map((child) =>
        Promise.race([
          once(child, 'message'),
          once(child, 'exit').then(() => Promise.reject(new Error(`${contender} ended before it began`))),
        ]),
      ),
    );
    for (const child of children) child.send('begin');
    const until = performance.now() + patience * (jobs / limit) * perMs;
    let columns = await upstream.arrivalColumns();
    while (columns.t.length < jobs && performance.now() < until) {
      await sleep(200);
      columns = await upstream.arrivalColumns();
    }
    if (columns.t.length < jobs) throw new Error(`${contender} made ${columns.t.length} of ${jobs} requests`);
    return measure(columns, limit, perMs);
  } finally {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }),
    );
  }
}
