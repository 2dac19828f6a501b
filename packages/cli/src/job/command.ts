import { type Command, Option } from 'commander';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { jobCancel, jobList, jobShow, listedStates } from './operate.ts';

const showNotes = `
Says where the job is, why it waits (a pause, a hold, the rate, a backoff, its time), how many jobs are taken before it
(up to 10000) and when it may start at the earliest, as far as Redis can tell.

Examples:
  sluice job show github 6f1c0c5e-8f6e-4f0a-9a53-0d6d2c4be7a1
  sluice job show github my-id --json | jq .why`;

const cancelNotes = `
A job that waits ends at once; one that runs is aborted by its worker. Exit code: 2 when one had ended before, or is
not there.

Examples:
  sluice job cancel github my-id
  sluice job cancel github id-1 id-2 --json`;

const listNotes = `
Without --state: those that run, those that wait in the order in which they are taken, then the delayed ones by their
time. --json prints one object a line.

Examples:
  sluice job list github --limit 20
  sluice job list github --state delayed
  sluice job list github --state waiting --json | jq -r .id`;

/** `sluice job …`: what operators ask of single jobs. @param done called with the exit code */
export function addJobCommands(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const job = program.command('job').description('single jobs: why one waits, cancel, list');
  addNotes(job, '\nExamples:\n  sluice job show github my-id\n  sluice job list github --state delayed');
  const add = (nameAndArguments: string, description: string, notes: string) =>
    addNotes(addRedisOptions(job.command(nameAndArguments).description(description)), notes);

  add('show <queue> <id>', 'where a job is, why it waits, and until when', showNotes)
    .option('--reveal', 'show the query of the URL, which may hold a secret')
    .option('--json', 'print one JSON object, with nothing hidden; times in epoch ms')
    .action(async (queue, id, options) => done(await jobShow(queue, id, options, io)));

  add('cancel <queue> <ids...>', 'end jobs wherever they are', cancelNotes)
    .option('--json', 'print one JSON object per job')
    .action(async (queue, ids, options) => done(await jobCancel(queue, ids, options, io)));

  add('list <queue>', 'the jobs of a queue, and why each waits', listNotes)
    .addOption(new Option('--state <state>', 'only those in this state').choices(listedStates))
    .option('--limit <n>', 'how many to list at most', '50')
    .option('--json', 'print one JSON object per line')
    .action(async (queue, options) => done(await jobList(queue, options, io)));
}
