import { hostname, userInfo } from 'node:os';
import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type AuditAction, type Keys, actorOf, noteScript } from '@sluice/shared';

/** What was changed, besides its queue. */
export type Noted = {
  queue?: string;
  /** The key, the schedule or the origin that is changed. */
  subject?: string;
  /** Absent: nothing was there. */
  before?: unknown;
  /** Absent: nothing is left. */
  after?: unknown;
};

const text = (value: unknown) => (value === undefined || value === null ? '' : JSON.stringify(value));

/**
 * Who makes the changes of a client, and the entries that it leaves in the audit log. Changes that are one script write
 * their own entry (`actor` is an argument of it); the others are noted before their first step.
 */
export class Trail {
  readonly actor: string;
  readonly #note: BoundTo<typeof noteScript>;
  readonly #log: (message: string) => void;

  /** @param actor see `ConnectOptions.actor` @param log takes a line for each change */
  constructor(redis: Redis, keys: Keys, actor: string, log: (message: string) => void) {
    this.actor = actor;
    this.#note = bindScript(redis, keys, noteScript);
    this.#log = log;
  }

  /** Writes an entry, to be followed by the change. */
  async note(action: AuditAction, { queue = '', subject = '', before, after }: Noted): Promise<void> {
    const values = { before: text(before), after: text(after) };
    await this.#note([], { actor: this.actor, action, queue, subject, ...values });
    this.log(action, { queue, subject });
  }

  /** The line of a change whose script has written the entry. */
  log(action: AuditAction, { queue = '', subject = '' }: Pick<Noted, 'queue' | 'subject'>): void {
    const what = [queue === '' ? '' : ` queue "${queue}"`, subject === '' ? '' : ` "${subject}"`].join('');
    this.#log(`audit: ${action}${what} by ${this.actor}`);
  }
}

/** Who an operator at a terminal is: the account and the machine, as in the history of a shell. */
export function operator(program: string): string {
  let user = 'unknown';
  try {
    user = userInfo().username;
  } catch {
    // A container may run as a number that has no name.
  }
  return actorOf(`${program}:${user}@${hostname()}`);
}

/** Who a service is that says nothing of itself. */
export const service = (): string => actorOf(`library:${hostname()}`);
