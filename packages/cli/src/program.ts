import { Command, CommanderError } from 'commander';
import { addCompletionCommand } from './completion/command.ts';
import { addAuditCommand } from './audit/command.ts';
import { addTopCommand } from './top/command.ts';
import { addBatchCommands } from './batch/command.ts';
import { addDeadCommands } from './dead/command.ts';
import { addDemoUpstreamCommand } from './demo-upstream/command.ts';
import { addEnqueueCommand } from './enqueue/command.ts';
import { addFetchCommand } from './fetch/command.ts';
import { addScheduleCommands } from './schedule/command.ts';
import { addGatewayCommand } from './gateway/command.ts';
import { addNotes, configureHelp } from './help/help.ts';
import { addJobCommands } from './job/command.ts';
import { addKeyCommands } from './key/command.ts';
import { addQueueCommands } from './queue/command.ts';
import { runCommand } from './run/command.ts';
import type { RawRunOptions } from './run/options.ts';
import type { ProcessIo } from './process-io.ts';
import { packageVersion } from './version.ts';
import { addWorkerCommand } from './worker/command.ts';

const programNotes = `
Environment: SLUICE_REDIS_URL and SLUICE_PREFIX say where the fleet is, instead of --redis and --prefix.
SLUICE_ACTOR says who you are in the audit log (default: cli:USER@HOST). NO_COLOR and FORCE_COLOR are obeyed.

Examples:
  sluice run urls.txt --rate 100/min --out results.jsonl
  sluice queue set github --rate 5000/h --origin https://api.github.com
  sluice queue list
  sluice run --help`;

const runNotes = `
Input: one URL or one JSON job spec per line ({"url": …, "method": …, "headers": …, "body": …, "json": …});
blank lines and lines that begin with # are skipped. The whole input is checked before anything is sent.

Results: one JSON line per job, as it ends, to --out or to standard output:
  {"index","id","url","outcome","status","attempts","durationMs","bytes"}, with "error" if it failed and, with
  --bodies, "body" or "bodyBase64". "index" counts the jobs of the input from 0.
  With --json standard output holds only the summary; the results then go to --out, or nowhere:
  {"jobs","completed","failed","requests","rateLimited","seconds","requestsPerSecond"}
  A job is completed when it got a response whose status is not retried (such as 404).

Exit code: 0 all completed, 2 some failed, 1 bad usage or no Redis, 130 stopped by Ctrl-C.
Ctrl-C once: nothing more is sent, waiting jobs are taken back, requests under way may finish. Twice: stop at once.

Environment: SLUICE_REDIS_URL and SLUICE_PREFIX stand in for --redis and --prefix.

Examples:
  sluice run urls.txt --rate 100/min --out results.jsonl
  cat urls.txt | sluice run - --rate 5/s --workers 1 --bodies > results.jsonl
  sluice run urls.txt --rate 50/s --allow-net 127.0.0.0/8 --json --quiet
  sluice run urls.txt --redis redis://redis.internal:6379 --queue partner-api --workers 0`;

/** The command line of `sluice`. @param done called with the exit code of the command that ran */
export function createProgram(io: ProcessIo, done: (code: number) => void): Command {
  const program = configureHelp(new Command('sluice'), io)
    .description('Outbound HTTP requests under one rate limit, however many processes make them.')
    .option('-V, --version', 'print the version')
    // Not commander's own version option, which wants the text at once: most runs need not read package.json.
    .on('option:version', () => {
      io.stdout.write(`${packageVersion()}\n`);
      throw new CommanderError(0, 'commander.version', 'the version was printed');
    });
  addNotes(program, programNotes);

  addNotes(program.command('run'), runNotes)
    .description('fetch a list of URLs, or of JSON job specs')
    .argument('[file]', 'the list; - for standard input', '-')
    .option(
      '--rate <rate>',
      'requests per window for all workers together, such as 100/min or 5/s (default: no limit)',
    )
    .option('--concurrency <n>', 'requests under way in one worker', '10')
    .option('--workers <n>', 'worker processes to start; 0: use the workers that already run', '2')
    .option('--attempts <n>', 'attempts per job, the first included (default: 6)')
    .option('--timeout <duration>', 'how long one attempt may take, such as 500ms, 30s or 2m (default: 30s)')
    .option('--max-body <size>', 'largest response body, such as 512KiB (default: 10MiB)')
    .option(
      '--allow-net <cidr>',
      'also fetch from this address range, such as 127.0.0.0/8 or 10.0.0.0/8; may be repeated',
      (cidr: string, before: string[] | undefined) => [...(before ?? []), cidr],
    )
    .option('--ports <list>', 'fetch from these ports only, such as 443,9200')
    .option('--out <file>', 'write the results to this file (default: standard output)')
    .option('--bodies', 'include the response bodies')
    .option('--redis <url>', 'the Redis to use (default: a private one for this run)')
    .option('--prefix <prefix>', 'key prefix shared with the workers (default: {sluice})')
    .option(
      '--queue <name>',
      'use this queue and its policy (default: a queue of its own, removed at the end)',
    )
    .option('--json', 'print the summary as one JSON object on standard output')
    .option('--quiet', 'no progress and no summary on standard error')
    .action(async (file: string, options: RawRunOptions) => done(await runCommand(file, options, io)));
  addQueueCommands(program, io, done);
  addFetchCommand(program, io, done);
  addEnqueueCommand(program, io, done);
  addTopCommand(program, io, done);
  addJobCommands(program, io, done);
  addBatchCommands(program, io, done);
  addScheduleCommands(program, io, done);
  addDeadCommands(program, io, done);
  addKeyCommands(program, io, done);
  addAuditCommand(program, io, done);
  addWorkerCommand(program, io, done);
  addDemoUpstreamCommand(program, io, done);
  addGatewayCommand(program, io, done);
  addCompletionCommand(program, io, done);
  return program;
}
