import { type Command, Option } from 'commander';
import type { ProcessIo } from '../process-io.ts';
import { queueApply } from './apply.ts';
import { queueExport } from './export.ts';
import { queueList, queuePause, queueRelease, queueRemove, queueSet, queueShow } from './operate.ts';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';

const applyHelp = `
FILE is YAML or JSON. It gives each policy in full: what it leaves out gets its default.
  queues:
    github:
      rate: 5000/h
      origin: https://api.github.com
    partner-api:
      rate: { limit: 100, per: 60s, burst: 1 }
      concurrency: { worker: 20, global: 50 }
      timeout: 10s
      retry: { attempts: 3 }
      egress: { allow: [10.1.0.0/16] }
The whole file is checked before anything is written. Workers obey within 2 s, without a restart. Queues that the
file does not name stay as they are.

Examples:
  sluice queue apply queues.yaml --dry-run
  sluice queue apply queues.yaml --redis redis://redis.internal:6379
  generate-queues | sluice queue apply -`;

const setHelp = `
Only what the options name changes; a queue that does not exist is created. Workers obey within 2 s, without a restart.

Examples:
  sluice queue set github --rate 50/min
  sluice queue set github --concurrency 10 --global-concurrency 40 --timeout 10s
  sluice queue set intranet --no-rate --allow-net 10.0.0.0/8 --allow-net fd00::/8`;

const shape = new Option(
  '--shape <shape>',
  'smooth: no sliding window ever holds more; fixed: a fixed window, which can double',
);
// For the help and for completion. What is accepted is the policy's to say.
shape.argChoices = ['smooth', 'fixed'];

const cidrs = (cidr: string, before: string[] | false | undefined) => [...(before || []), cidr];

/** `sluice queue …`: what operators do with queues. @param done called with the exit code */
export function addQueueCommands(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const queue = program
    .command('queue')
    .description('apply policies; look at queues, pause and release them');
  addNotes(queue, '\nExamples:\n  sluice queue list\n  sluice queue set github --rate 50/min');
  const add = (nameAndArguments: string, description: string, examples: string) =>
    addNotes(addRedisOptions(queue.command(nameAndArguments).description(description)), examples);

  add('apply <file>', "set the queues' policies to those of a file (- for standard input)", applyHelp)
    .option('--dry-run', 'say what would change, and write nothing')
    .action(async (file, options) => done(await queueApply(file, options, io)));

  add('set <name>', "change a queue's policy, or create the queue", setHelp)
    .option(
      '--rate <rate>',
      'requests per window for the whole fleet, such as 50/min or 5000/h; idle time saves up to as many as may leave at once',
    )
    .option('--no-rate', 'no limit')
    .option('--burst <n>', 'requests that may leave at once after idle time; 1: always evenly spaced')
    .addOption(shape)
    .option('--slack <duration>', 'how late a request may arrive after its permit, such as 30ms')
    .option('--adaptive', 'slow down when the upstream rejects requests')
    .option('--no-adaptive', 'keep the rate, however often the upstream rejects requests')
    .option('--concurrency <n>', 'requests under way in one worker')
    .option('--no-concurrency', "as many as the worker's own concurrency")
    .option('--global-concurrency <n>', 'requests under way in the whole fleet')
    .option('--no-global-concurrency', 'as many as all workers together allow')
    .option('--timeout <duration>', 'how long one attempt may take, such as 500ms, 30s or 2m')
    .option('--attempts <n>', 'attempts per job, the first included')
    .option('--origin <url>', 'the one origin that the jobs go to, such as https://api.example.com')
    .option('--no-origin', 'jobs go to any origin')
    .option(
      '--allow-net <cidr>',
      'address ranges allowed besides the public internet; may be repeated',
      cidrs,
    )
    .option('--no-allow-net', 'the public internet only')
    .option('--ports <list>', 'the only ports that may be contacted, such as 443,9200')
    .option('--no-ports', 'any port but those that are blocked by default')
    .option('--max-body <size>', 'largest response body, such as 512KiB')
    .option('--max-hold <duration>', 'the longest hold that is obeyed, such as 15m')
    .option('--max-backlog <jobs>', 'jobs that may wait; others are refused')
    .option('--no-max-backlog', 'any number of jobs may wait')
    .action(async (name, options) => done(await queueSet(name, options, io)));

  add(
    'export [names...]',
    'the policies of all queues, or of those named, as a file for sluice queue apply',
    '\nEvery field is written, so that no default matters. Applied again, it changes nothing.\n\nExamples:\n  sluice queue export > queues.yaml\n  sluice queue export github --json | jq .queues.github.rate',
  )
    .option('--json', 'print JSON, which sluice queue apply takes, too')
    .action(async (names, options) => done(await queueExport(names, options, io)));

  add('list', 'all queues, one per line', '\nExamples:\n  sluice queue list\n  sluice queue list --json')
    .option('--json', 'print one JSON array')
    .action(async (options) => done(await queueList(options, io)));

  add(
    'show <name>',
    'rate, gate, holds, counts, concurrency and policy of a queue',
    '\nExamples:\n  sluice queue show github\n  sluice queue show github --json | jq .counts',
  )
    .option('--json', 'print one JSON object, times in ms')
    .action(async (name, options) => done(await queueShow(name, options, io)));

  add(
    'pause <name>',
    'take no more jobs from a queue, in the whole fleet',
    '\nExample:\n  sluice queue pause github',
  ).action(async (name, options) => done(await queuePause(name, true, options, io)));
  add('resume <name>', 'end a pause', '\nExample:\n  sluice queue resume github').action(
    async (name, options) => done(await queuePause(name, false, options, io)),
  );
  add(
    'release <name> [origin]',
    'lift the holds of a queue, or of one origin; the rate stays',
    '\nExamples:\n  sluice queue release github\n  sluice queue release mixed https://api.example.com',
  ).action(async (name, origin, options) => done(await queueRelease(name, origin, options, io)));

  add(
    'remove <name>',
    'remove a queue with its policy and every job in it',
    '\nExample:\n  sluice queue remove old-partner --yes',
  )
    .option('--yes', 'confirm the removal')
    .action(async (name, options) => done(await queueRemove(name, options, io)));
}
