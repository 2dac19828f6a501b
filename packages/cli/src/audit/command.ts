import type { Command } from 'commander';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { auditList } from './operate.ts';

const notes = `
Every change that is made to a queue, its dead letters, its schedules or the API keys, by this command, the gateway or
the library: the last 10000 are kept, and of one actor the last 1000. Whoever can write to Redis can name anybody as
the actor: the log tells what happened, and proves nothing against somebody who lies.

Examples:
  sluice audit
  sluice audit --queue github --limit 20
  sluice audit --actor cli:ann@laptop --json | jq .after`;

/** `sluice audit`. @param done called with the exit code */
export function addAuditCommand(program: Command, io: ProcessIo, done: (code: number) => void): void {
  addNotes(addRedisOptions(program.command('audit').description('who changed what, the newest first')), notes)
    .option('--queue <queue>', 'only what concerns this queue')
    .option('--actor <actor>', 'only what was done by this one, such as cli:ann@laptop or key:ID')
    .option('--limit <n>', 'how many to list at most', '50')
    .option('--json', 'print one JSON object per line, times in epoch ms')
    .action(async (options) => done(await auditList(options, io)));
}
