import type { Command } from 'commander';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { addRequestOptions } from '../request/options.ts';
import { enqueueCommand } from './enqueue.ts';

const notes = `
Prints the id of each job when it is accepted: it will be performed, whether or not anybody waits. With - the jobs are
read from standard input, one URL or one JSON job spec per line, as sluice run reads them; the whole input is checked
before anything is enqueued.
The outcome can be read for an hour (sluice job show), that of a batch for 7 days (sluice batch results). A batch is
sealed at the end, so that its readers end with it; --no-seal leaves it open.

Examples:
  sluice enqueue https://api.example.com/items/1 https://api.example.com/items/2 --queue partner-api
  sluice enqueue https://api.example.com/reports -X POST --json-body '{"day":"today"}' --id report --delay 10m
  cat urls.txt | sluice enqueue - --queue partner-api --batch nightly --priority 10
  sluice enqueue https://api.example.com/items/1 --json | jq -r .id`;

/** `sluice enqueue URL…`. @param done called with the exit code */
export function addEnqueueCommand(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const command = program
    .command('enqueue')
    .description('put requests on a queue, and print their ids')
    .argument('<urls...>', 'absolute http or https URLs; - for standard input');
  addRequestOptions(command)
    .option('--queue <name>', 'the queue to use', 'default')
    .option('--id <id>', 'the id of the job (for one URL)')
    .option('--delay <duration>', 'not before this time has passed, such as 10m')
    .option('--priority <n>', 'smaller runs first; those without a priority run before all others')
    .option('--batch <name>', 'add the outcomes to this batch')
    .option('--no-seal', 'more will be added to the batch')
    .option('--json', 'print one JSON object per job')
    .action(async (urls, options) => done(await enqueueCommand(urls, options, io)));
  addNotes(addRedisOptions(command), notes);
}
