import type { Command } from 'commander';
import type { ProcessIo } from '../process-io.ts';
import { deadList, deadPurge, deadRedrive, deadShow } from './operate.ts';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';

const listHelp = `
With --json: one JSON object per line; sluice run and enqueue() accept its "spec".

Examples:
  sluice dead list github
  sluice dead list github --code SLUICE_TIMEOUT --limit 20
  sluice dead list github --json | jq -r .spec.url`;

const redriveHelp = `
A redriven job gets all its attempts again, at the back of the queue (or of its priority). A deadline that has passed
is dropped; the failure stays on the job's list. If several redrives run at once, only one moves a job. A batch counts
a job once: read the new outcome by the job's id.
An at-most-once job that ended "ambiguous" may have been performed: it is left alone, and its id is printed.
Exit code: 2 when a job that you named was left alone.

Examples:
  sluice dead redrive github 6f1c0c5e-8f6e-4f0a-9a53-0d6d2c4be7a1
  sluice dead redrive github --all --code SLUICE_HTTP_ERROR`;

/** `sluice dead …`: what operators do with failed jobs. @param done called with the exit code */
export function addDeadCommands(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const dead = program
    .command('dead')
    .description('failed jobs, kept for 7 days: list, look at, send back, remove');
  addNotes(dead, '\nExamples:\n  sluice dead list github\n  sluice dead redrive github --all');
  const add = (nameAndArguments: string, description: string, examples: string) =>
    addNotes(addRedisOptions(dead.command(nameAndArguments).description(description)), examples);

  add('list <queue>', 'the failed jobs of a queue, the newest first', listHelp)
    .option('--code <code>', 'only those that failed with this code, such as SLUICE_TIMEOUT')
    .option('--host <host>', 'only requests to this host')
    .option('--id-prefix <text>', 'only those whose ids begin with this')
    .option('--newer-than <duration>', 'only those that failed no longer ago, such as 12h')
    .option('--limit <n>', 'how many to list at most', '100')
    .option('--json', 'print one JSON object per line')
    .action(async (queue, options) => done(await deadList(queue, options, io)));

  add(
    'show <queue> <id>',
    'one failed job: request, attempts, the last response, earlier failures',
    '\nExamples:\n  sluice dead show github 6f1c0c5e-8f6e-4f0a-9a53-0d6d2c4be7a1\n  sluice dead show github my-id --reveal\n  sluice dead show github my-id --json | jq .outcome',
  )
    .option('--reveal', 'show what is hidden: the query of the URL, bodies, headers that may be secrets')
    .option('--json', 'print one JSON object, with nothing hidden')
    .action(async (queue, id, options) => done(await deadShow(queue, id, options, io)));

  add('redrive <queue> [ids...]', 'send failed jobs back to the queue', redriveHelp)
    .option('--all', 'all jobs that have failed so far')
    .option('--code <code>', 'with --all: only those that failed with this code')
    .option('--host <host>', 'with --all: only requests to this host')
    .option('--id-prefix <text>', 'with --all: only those whose ids begin with this')
    .option('--newer-than <duration>', 'with --all: only those that failed no longer ago, such as 12h')
    .option(
      '--ambiguous',
      'also jobs that ended "ambiguous": they may have been performed, and would be performed again',
    )
    .action(async (queue, ids, options) => done(await deadRedrive(queue, ids, options, io)));

  add(
    'purge <queue> [ids...]',
    'remove failed jobs for good: those named, or all',
    '\nExamples:\n  sluice dead purge github --older-than 7d --yes\n  sluice dead purge github --code SLUICE_BLOCKED --yes',
  )
    .option('--older-than <duration>', 'only those that failed at least this long ago, such as 12h or 7d')
    .option('--code <code>', 'only those that failed with this code')
    .option('--host <host>', 'only requests to this host')
    .option('--id-prefix <text>', 'only those whose ids begin with this')
    .option('--newer-than <duration>', 'only those that failed no longer ago, such as 12h')
    .option('--yes', 'confirm the removal')
    .action(async (queue, ids, options) => done(await deadPurge(queue, ids, options, io)));
}
