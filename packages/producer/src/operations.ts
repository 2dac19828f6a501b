import type { Redis } from 'ioredis';
import type { Keys } from '@sluice/shared';
import { AuditLog } from './audit/audit-log.ts';
import type { Trail } from './audit/trail.ts';
import type { OpenQueues } from './connection/open-queues.ts';
import { DeadLetters } from './dead/dead-letters.ts';
import type { KnownQueues } from './enqueue/known-queues.ts';
import { ApiKeys } from './keys/api-keys.ts';
import { Policies } from './queues/policies.ts';
import { Queues } from './queues/queues.ts';
import { Schedules } from './queues/schedules.ts';
import type { Warning } from './reports.ts';

/** What operations need, whoever makes them. */
export type OperationParts = {
  redis: Redis;
  keys: Keys;
  open: OpenQueues;
  known: KnownQueues;
  url: string;
  /** For calls that name no queue. */
  queue: string;
  warn: (warning: Warning) => void;
};

/** What operators do, in the name of one of them: each change goes to the audit log as his. */
export class Operations {
  readonly policies: Policies;
  readonly queues: Queues;
  /** Failed jobs: list, look at, send back, remove. */
  readonly dead: DeadLetters;
  /** Recurring fetches. */
  readonly schedules: Schedules;
  /** The API keys of the gateway's callers. */
  readonly keys: ApiKeys;
  /** Who changed what. */
  readonly audit: AuditLog;

  constructor(parts: OperationParts, trail: Trail) {
    const { redis, keys, open, known, url, queue, warn } = parts;
    this.policies = new Policies(redis, keys, trail, warn);
    this.queues = new Queues({ redis, keys, policies: this.policies, open, known, trail });
    this.dead = new DeadLetters(redis, keys, trail);
    this.schedules = new Schedules({ url, queue, queues: open, known, trail });
    this.keys = new ApiKeys(redis, keys, trail);
    this.audit = new AuditLog(redis, keys);
  }
}
