// npm run demo: an upstream that enforces 100 requests in any 5 s, a Redis, two worker processes, 300 URLs.
import { interruptSignal } from '../../packages/cli/src/interrupt.ts';
import { barDisplay, lineDisplay } from '../../packages/cli/src/run/progress/display.ts';
import { runList } from '../../packages/cli/src/run/run-list.ts';
import { plotTerminal, terminalColours } from '../../test/lab/measure/plot-terminal.ts';
import { worstWindow } from '../../test/lab/measure/window.ts';
import { spawnUpstream } from '../../test/lab/upstream/spawn.ts';
import { demoTable } from './table.ts';

const jobs = 300;
const limit = { limit: 100, perMs: 5000 };
const workers = 2;

/** @returns the exit code: 0 only if everything was fetched, nothing was rejected, and the limit was kept */
async function demo(interrupt: AbortSignal): Promise<number> {
  const { stdout, stderr } = process;
  const display = stderr.isTTY ? barDisplay(stderr) : lineDisplay(stderr, () => performance.now());
  await using upstream = await spawnUpstream({
    limit: { ...limit, shape: 'sliding', retryAfter: 'seconds' },
  });
  display.line(
    `upstream ${upstream.url}: rejects more than ${limit.limit} requests in any ${limit.perMs / 1000} s`,
  );
  const urls = Array.from({ length: jobs }, (_, n) => `${upstream.url}/item/${n}`);
  const { summary } = await runList(
    {
      jobs,
      specs: () => urls,
      origin: upstream.url,
      // Empty counts as unset.
      redis: process.env['SLUICE_REDIS_URL'] || undefined,
      policy: { rate: `${limit.limit}/${limit.perMs}ms`, egress: { allow: ['127.0.0.0/8'] } },
      workers,
      concurrency: 10,
      env: process.env,
      signal: interrupt,
    },
    {
      begin: async () =>
        display.line(
          `${jobs} URLs, ${workers} worker processes, one rate: about ${(jobs * limit.perMs) / limit.limit / 1000} s`,
        ),
      progress: display.progress,
      warn: display.line,
    },
  ).finally(display.stop);
  if (interrupt.aborted) return interrupt.reason as number;

  const arrivals = await upstream.arrivals();
  const times = arrivals.map(({ t }) => t);
  const refused = arrivals.filter((arrival) => arrival.refused).length;
  const worst = worstWindow(times, limit.perMs).count;
  const fine = summary.completed === jobs && summary.failed === 0 && refused === 0 && worst <= limit.limit;
  const width = Math.min(100, stdout.columns ?? 80);
  const colour = terminalColours(stdout, process.env);
  stdout.write(`\n${demoTable(summary, { refused, worst, ...limit })}\n\n`);
  stdout.write(
    `${plotTerminal({ times, limit, title: 'requests as the upstream saw them', width, colour })}\n\n`,
  );
  stdout.write(fine ? 'All fetched, none rejected, the limit kept.\n' : 'That went wrong: see the table.\n');
  return fine ? 0 : 1;
}

const interrupt = interruptSignal(process, (text) => process.stderr.write(`\n${text}\n`));
const code = await demo(interrupt).catch((error: unknown) => {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
process.exit(code);
