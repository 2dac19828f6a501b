// npm run demo: an upstream that enforces 100 requests in any 5 s, a Redis, two worker processes, 300 URLs at an even
// pace, and 120 of which a hundred leave at once. `-- --svg FILE` also draws the first plot as a picture.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { interruptSignal } from '../../packages/cli/src/interrupt.ts';
import { barDisplay, lineDisplay } from '../../packages/cli/src/run/progress/display.ts';
import { runList } from '../../packages/cli/src/run/run-list.ts';
import { plotSvg } from '../../test/lab/measure/plot-svg.ts';
import { plotTerminal, terminalColours } from '../../test/lab/measure/plot-terminal.ts';
import { worstWindow } from '../../test/lab/measure/window.ts';
import type { Upstream } from '../../test/lab/upstream/server.ts';
import { spawnUpstream } from '../../test/lab/upstream/spawn.ts';
import { demoTable } from './table.ts';

const limit = { limit: 100, perMs: 5000 };
const workers = 2;

/** One list under the same limit, with one plot. */
type Act = {
  jobs: number;
  /** Requests that may leave at once: see `rate.burst` in docs/configuration.md. */
  burst: number;
  title: string;
  /** Where its plot is drawn as a picture. */
  svg?: string | undefined;
};

const { values: typed } = parseArgs({ options: { svg: { type: 'string' } } });

const acts: Act[] = [
  { jobs: 300, burst: 1, title: 'burst 1: evenly spaced, as the upstream saw it', svg: typed.svg },
  { jobs: 120, burst: 100, title: 'burst 100: all that the window has room for, at once' },
];

/** @returns the exit code: 0 only if everything was fetched, nothing was rejected, and the limit was kept */
async function demo(interrupt: AbortSignal): Promise<number> {
  await using upstream = await spawnUpstream({
    limit: { ...limit, shape: 'sliding', retryAfter: 'seconds' },
  });
  process.stderr.write(
    `upstream ${upstream.url}: rejects more than ${limit.limit} requests in any ${limit.perMs / 1000} s\n`,
  );
  let fine = true;
  for (const [index, act] of acts.entries()) {
    if (index > 0) {
      process.stderr.write(`waiting until the window of the upstream is empty: ${limit.perMs / 1000} s\n`);
      await sleep(limit.perMs, undefined, { signal: interrupt }).catch(() => {});
      await upstream.reset();
    }
    if (!interrupt.aborted) fine = (await perform(act, upstream, interrupt)) && fine;
    if (interrupt.aborted) return interrupt.reason as number;
  }
  process.stdout.write(
    fine ? 'All fetched, none rejected, the limit kept.\n' : 'That went wrong: see the tables.\n',
  );
  return fine ? 0 : 1;
}

/** @returns whether everything was fetched, nothing was rejected, and the limit was kept */
async function perform(
  { jobs, burst, title, svg }: Act,
  upstream: Upstream,
  interrupt: AbortSignal,
): Promise<boolean> {
  const { stdout, stderr } = process;
  const display = stderr.isTTY ? barDisplay(stderr) : lineDisplay(stderr, () => performance.now());
  const urls = Array.from({ length: jobs }, (_, n) => `${upstream.url}/item/${n}`);
  // The network of this machine may be late by more than the 30 ms of the default.
  const rate = { limit: limit.limit, per: limit.perMs, burst, slack: 100 };
  // What leaves at once is a window ahead of an even pace.
  const seconds =
    (Math.max(0, jobs - (burst === 1 ? 0 : burst)) / limit.limit + (burst === 1 ? 0 : 1)) *
    (limit.perMs / 1000);
  const { summary } = await runList(
    {
      jobs,
      specs: () => urls,
      origin: upstream.url,
      // Empty counts as unset.
      redis: process.env['SLUICE_REDIS_URL'] || undefined,
      policy: { rate, egress: { allow: ['127.0.0.0/8'] } },
      workers,
      // A burst is in flight at once.
      concurrency: Math.max(10, burst / workers),
      env: process.env,
      signal: interrupt,
    },
    {
      begin: async () =>
        display.line(`${jobs} URLs, ${workers} worker processes, one rate: about ${Math.round(seconds)} s`),
      progress: display.progress,
      warn: display.line,
    },
  ).finally(display.stop);
  if (interrupt.aborted) return false;

  const arrivals = await upstream.arrivals();
  const times = arrivals.map(({ t }) => t);
  const refused = arrivals.filter((arrival) => arrival.refused).length;
  const worst = worstWindow(times, limit.perMs).count;
  const width = Math.min(100, stdout.columns ?? 80);
  const colour = terminalColours(stdout, process.env);
  stdout.write(`\n${demoTable(summary, { refused, worst, ...limit })}\n\n`);
  stdout.write(`${plotTerminal({ times, limit, title, width, colour })}\n\n`);
  if (svg !== undefined)
    writeFileSync(svg, plotSvg({ times, limit, title: `Two workers, one rate: ${title}` }));
  return summary.completed === jobs && summary.failed === 0 && refused === 0 && worst <= limit.limit;
}

const interrupt = interruptSignal(process, (text) => process.stderr.write(`\n${text}\n`));
const code = await demo(interrupt).catch((error: unknown) => {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
process.exit(code);
