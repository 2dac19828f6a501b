import { type Command, Option } from 'commander';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { demoUpstream } from './run.ts';

const notes = `
It needs no Redis and no network. With --rate it counts as a strict API does: a request is rejected with 429 when the
window that ends with it already holds the limit. Once a second it prints what it has answered, on standard error.

Routes:
  /                    100 bytes
  /item/7              JSON
  /json                a small JSON document
  /echo                the request, as JSON
  /delay/200           answers after 200 ms; /hang never answers
  /status/503?times=2  that status twice, then 200; retryAfter=1 adds the header
  /redirect/3          three redirects, then /
  /bytes/1000000       so many bytes; /gzip/1000000 the same, compressed

A worker sends nothing to this machine unless the policy of the queue allows it: --allow-net 127.0.0.0/8.

Examples:
  sluice demo-upstream
  sluice demo-upstream --port 8081 --rate 20/5s
  sluice demo-upstream --rate 100/min --latency 50ms-200ms --failures 5% --retry-after none`;

/** `sluice demo-upstream`: an API on this machine to try things against. @param done called with the exit code */
export function addDemoUpstreamCommand(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const retryAfter = new Option(
    '--retry-after <form>',
    'how a 429 states the wait: seconds, ms or none',
  ).default('seconds');
  // For the help and for completion; what is accepted is checked with the other options.
  retryAfter.argChoices = ['seconds', 'ms', 'none'];
  const command = program
    .command('demo-upstream')
    .description('an API on this machine to try things against, with a rate limit if you like')
    .option('--port <port>', 'the port to listen on; 0: a free one', '8081')
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--rate <rate>', 'reject more requests than this, such as 20/5s or 100/min (default: no limit)')
    .addOption(retryAfter)
    .option('--latency <duration>', 'time to answer: 50ms, or a range such as 50ms-200ms', '0ms')
    .option('--failures <share>', 'the share of requests that are answered with 500, such as 5%', '0%')
    .action(async (options) => done(await demoUpstream(options, io)));
  addNotes(command, notes);
}
