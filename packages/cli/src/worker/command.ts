import type { Command } from 'commander';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { addServerOptions } from '../server-options.ts';
import { workerCommand } from './run.ts';

const help = `
It takes jobs until it is stopped. Ctrl-C (or SIGTERM) drains it: it takes no more jobs, requests under way may finish
within --grace, and the rest goes back to the queue with no attempt spent. Ctrl-C again gives everything back at once.

Log lines are JSON, on standard error. /livez, /readyz and /metrics answer on the health port.

Environment: the variables of sluice-worker, which is the same worker without options: SLUICE_REDIS_URL,
SLUICE_QUEUES, SLUICE_TRANSFORMS, SLUICE_BODY_STORE, … (docs/configuration.md). An option takes precedence.

Exit code: 0 drained, 1 bad usage, no Redis, or jobs that could not be given back (they run again when their locks have
expired).

Examples:
  sluice worker
  sluice worker --redis redis://redis.internal:6379 --queues github,partner-api --concurrency 100
  sluice worker --health-port 0 --log-level warn`;

/** `sluice worker`: one worker in the foreground. @param done called with the exit code */
export function addWorkerCommand(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const command = addServerOptions(
    program.command('worker').description('perform jobs: one worker, in the foreground'),
    (own) =>
      own
        .option('--queues <names>', 'queues to serve, separated by commas (default: SLUICE_QUEUES, else all)')
        .option(
          '--concurrency <n>',
          'requests under way in this worker (default: SLUICE_CONCURRENCY, else 50)',
        ),
  ).action(async (options) => done(await workerCommand(options, io)));
  addNotes(command, help);
}
