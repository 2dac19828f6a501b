import type { Command } from 'commander';
import { addRedisOptions } from '../fleet-options.ts';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { keyCreate, keyList, keyRevoke, keyRotate } from './operate.ts';

const createNotes = `
Prints the token of the key, alone on standard output, this one time: only its hash is kept.

A grant is QUEUES=SCOPES. Queues: names, the beginning of names with a star behind it (stripe-*), or * for all. Scopes:
  enqueue   put jobs on the queue, and have the results of those
  read      see jobs, dead letters and the policy, without bodies, headers and full URLs
  payload   see those, too
  cancel    cancel any job of the queue
  operate   pause, resume, release, redrive, purge; read the audit log
  policy    change the policy, create and remove the queue
  keys      create, rotate and revoke API keys that may do no more
  metrics   read the metrics of the fleet (for the queue * only)

Examples:
  sluice key create billing --grant stripe=enqueue,read
  sluice key create oncall --grant "*=read,operate,metrics" --expires 30d
  sluice key create ci --grant staging-*=enqueue --json | jq -r .token`;

const rotateNotes = `
Prints the new token, alone on standard output. The old one stays valid for --grace.

Examples:
  sluice key rotate 0f6b1c9de2a84755
  sluice key rotate 0f6b1c9de2a84755 --grace 0s --json`;

/** `sluice key …`: the API keys of the gateway. @param done called with the exit code */
export function addKeyCommands(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const key = program.command('key').description('API keys of the gateway: create, list, rotate, revoke');
  addNotes(
    key,
    '\nExamples:\n  sluice key create billing --grant stripe=enqueue,read\n  sluice key list\n  sluice key revoke 0f6b1c9de2a84755',
  );
  const add = (nameAndArguments: string, description: string, notes: string) =>
    addNotes(addRedisOptions(key.command(nameAndArguments).description(description)), notes);

  add('create <name>', 'create a key, and print its token', createNotes)
    .requiredOption(
      '--grant <queues=scopes>',
      'what the key may do; may be repeated',
      (grant: string, before: string[] | undefined) => [...(before ?? []), grant],
    )
    .option('--expires <duration>', 'how long it is valid, such as 90d (default: until it is revoked)')
    .option('--json', 'print one JSON object, with "key" and "token"')
    .action(async (name, options) => done(await keyCreate(name, options, io)));

  add(
    'list',
    'all keys, the oldest first',
    '\nExamples:\n  sluice key list\n  sluice key list --json | jq -r .id',
  )
    .option('--json', 'print one JSON object per line, times in epoch ms')
    .action(async (options) => done(await keyList(options, io)));

  add('rotate <id>', 'give a key a new secret', rotateNotes)
    .option('--grace <duration>', 'how long the old secret stays valid, too', '1h')
    .option('--json', 'print one JSON object, with "key" and "token"')
    .action(async (id, options) => done(await keyRotate(id, options, io)));

  add(
    'revoke <ids...>',
    'end keys; every gateway refuses them within 2 s',
    '\nExamples:\n  sluice key revoke 0f6b1c9de2a84755\n  sluice key revoke 0f6b1c9de2a84755 5a1d02c48b7e93f6 --json',
  )
    .option('--json', 'print one JSON object per key')
    .action(async (ids, options) => done(await keyRevoke(ids, options, io)));
}
