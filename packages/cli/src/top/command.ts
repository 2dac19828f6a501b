import type { Command } from 'commander';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { topCommand } from './top.ts';

const notes = `
All queues, once a second: how much of its rate each uses (the requests sent over its window, 5 s to 60 s), the jobs
that wait and that run, requests that the upstream rejected, what stops the queue and until when, and how long the jobs
that wait take as things go. Queues where nothing happens come last. Below: the newest failed jobs.
Redis is asked with one short script per 100 queues a second, and not at all when it is closed.

Keys: q or Ctrl-C ends it; arrows, j, k, page up and page down scroll.
In a pipe it prints one frame, as with --once, after a second.

Examples:
  sluice top
  sluice top --once
  sluice top --json | jq ".rows[] | select(.waiting > 0) | .name"`;

/** `sluice top`. @param done called with the exit code */
export function addTopCommand(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const command = program
    .command('top')
    .description('a live view of all queues and of recent failures')
    .option('--once', 'print one frame')
    .option('--json', 'print one frame as a JSON object, times in epoch ms')
    .action(async (options) => done(await topCommand(options, io)));
  addNotes(addRedisOptions(command), notes);
}
