import { type Command, Option } from 'commander';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { addRequestOptions } from '../request/options.ts';
import { scheduleList, scheduleRemove, scheduleSet } from './operate.ts';

const setNotes = `
The next job is made when a worker takes the one before: a queue that is behind has at most one waiting job of a
schedule, and missed ones are not made up for.

Examples:
  sluice schedule set partner-api refresh https://api.example.com/refresh --every 15m -X POST
  sluice schedule set partner-api report https://api.example.com/report --cron "0 8 * * 1-5" --tz Europe/Berlin`;

/** `sluice schedule …`. @param done called with the exit code */
export function addScheduleCommands(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const schedule = program.command('schedule').description('requests that are made again and again');
  addNotes(
    schedule,
    '\nExamples:\n  sluice schedule list partner-api\n  sluice schedule set partner-api refresh https://api.example.com/refresh --every 15m',
  );
  const start = (nameAndArguments: string, description: string) =>
    schedule.command(nameAndArguments).description(description);

  addNotes(
    addRedisOptions(start('list <queue>', 'the schedules of a queue, by the time of their next job')),
    '\nExamples:\n  sluice schedule list partner-api\n  sluice schedule list partner-api --json | jq ".[0].next"',
  )
    .option('--json', 'print one JSON array, times in epoch ms')
    .action(async (queue, options) => done(await scheduleList(queue, options, io)));

  const set = addRequestOptions(start('set <queue> <name> <url>', 'create a schedule, or change it'))
    .addOption(
      new Option('--every <duration>', 'at even intervals, the first one now, such as 15m').conflicts([
        'cron',
        'tz',
      ]),
    )
    .option('--cron <pattern>', 'minute hour day month weekday, such as "0 8 * * 1-5"')
    .option('--tz <zone>', 'the time zone of the pattern (default: UTC)')
    .option('--json', 'print the schedule as one JSON object')
    .action(async (queue, name, url, options) => done(await scheduleSet(queue, name, url, options, io)));
  addNotes(addRedisOptions(set), setNotes);

  addNotes(
    addRedisOptions(start('remove <queue> <name>', 'end a schedule; its waiting job is removed')),
    '\nExample:\n  sluice schedule remove partner-api refresh',
  )
    .option('--json', 'print one JSON object')
    .action(async (queue, name, options) => done(await scheduleRemove(queue, name, options, io)));
}
