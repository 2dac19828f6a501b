import { z } from 'zod';

/** What is written to the audit log: every change that somebody makes to a queue, its dead letters or the API keys. */
export const auditActions = [
  'policy.create',
  'policy.change',
  'queue.pause',
  'queue.resume',
  'queue.release',
  'queue.remove',
  'dead.redrive',
  'dead.purge',
  'schedule.set',
  'schedule.remove',
  'key.create',
  'key.rotate',
  'key.revoke',
] as const;

export type AuditAction = (typeof auditActions)[number];

/** One change: who made it, when, and what was before and after it. */
export const auditEntrySchema = z.strictObject({
  /** Where to go on reading: entries are in the order of their ids. */
  id: z.string(),
  /** Epoch ms of Redis' clock. */
  at: z.number(),
  /** `cli:USER@HOST`, `library:HOST`, `key:ID`; whoever can write to Redis can claim any. */
  actor: z.string(),
  /** One of `auditActions`, or one that a newer version has added. */
  action: z.string(),
  /** null: it concerns no queue. */
  queue: z.string().nullable(),
  /** The key, the schedule or the origin that was changed; null: there is none. */
  subject: z.string().nullable(),
  /** null: there was nothing. A value of more than 4 KiB is cut off, and then a text. */
  before: z.unknown(),
  /** null: there is nothing any more. */
  after: z.unknown(),
});

export type AuditEntry = z.output<typeof auditEntrySchema>;

/** Who makes changes: printable, and short enough for a Redis key. */
export const actorSchema = z
  .string()
  .regex(/^[\w.:@+-]{1,100}$/, 'must be 1 to 100 letters, digits or . _ : @ + -');

/** Any text as an actor: what is not allowed in one becomes a `_`. Pure. */
export function actorOf(text: string): string {
  return text.replaceAll(/[^\w.:@+-]/g, '_').slice(0, 100) || '_';
}
