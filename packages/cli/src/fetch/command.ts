import type { Command } from 'commander';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { addRequestOptions } from '../request/options.ts';
import { fetchCommand } from './fetch.ts';

const notes = `
The request is put on the queue, performed by a worker under the queue's rate, and its answer awaited. The body goes to
standard output, as with curl. Ctrl-C cancels the job.

Exit code: 0 there is a response, whatever its status; 22 with --fail, if the status is 400 or more; 2 the job ended
without a response (a timeout, no connection, blocked, its deadline); 1 bad usage, or no Redis.

Examples:
  sluice fetch https://api.example.com/items --queue partner-api
  sluice fetch https://api.example.com/items --queue partner-api -i -H "accept: text/csv" -o items.csv
  sluice fetch https://api.example.com/items --json-body '{"name":"a"}' --fail
  sluice fetch https://api.example.com/items --json | jq .headers`;

/** `sluice fetch URL`. @param done called with the exit code */
export function addFetchCommand(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const command = program
    .command('fetch')
    .description('perform one request through a queue, and print the answer')
    .argument('<url>', 'an absolute http or https URL');
  addRequestOptions(command)
    .option('-i, --include', 'print the status and the headers before the body')
    .option('-o, --output <file>', 'write the body to this file')
    .option('-f, --fail', 'no body and exit code 22 if the status is 400 or more')
    .option('--queue <name>', 'the queue to use', 'default')
    .option('--timeout <duration>', "how long one attempt may take (default: the queue's)")
    .option('--deadline <duration>', 'how long it may take in all, with waits and retries', '15m')
    .option('--body-store <url>', 'where workers store large bodies (default: SLUICE_BODY_STORE)')
    .option('--json', 'print one JSON object: id, status, headers, body')
    .action(async (url, options) => done(await fetchCommand(url, options, io)));
  addNotes(addRedisOptions(command), notes);
}
