import type { Command } from 'commander';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { batchResults, batchShow } from './operate.ts';

const resultsNotes = `
The outcomes in the order in which the jobs ended. Without --follow it ends with those there are. If it is stopped,
--cursor goes on after the last line that was read (with --json each line has its cursor).

Examples:
  sluice batch results nightly
  sluice batch results nightly --follow --json --bodies > results.jsonl
  sluice batch results nightly --json --cursor 1735689600000-0`;

/** `sluice batch …`. @param done called with the exit code */
export function addBatchCommands(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const batch = program.command('batch').description('named sets of jobs: progress and outcomes');
  addNotes(batch, '\nExamples:\n  sluice batch show nightly\n  sluice batch results nightly --follow');
  const add = (nameAndArguments: string, description: string, notes: string) =>
    addNotes(addRedisOptions(batch.command(nameAndArguments).description(description)), notes);

  add(
    'show <name>',
    'how far a batch is',
    '\nExamples:\n  sluice batch show nightly\n  sluice batch show nightly --json | jq .ended',
  )
    .option('--json', 'print one JSON object')
    .action(async (name, options) => done(await batchShow(name, options, io)));

  add('results <name>', 'the outcomes of a batch', resultsNotes)
    .option('--follow', 'wait for outcomes until the batch is sealed and complete')
    .option('--cursor <cursor>', 'begin after this one')
    .option('--bodies', 'with --json: include the response bodies')
    .option('--json', 'print one JSON object per job')
    .action(async (name, options) => done(await batchResults(name, options, io)));
}
