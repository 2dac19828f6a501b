import {
  type Addressee,
  type Envelope,
  type Policy,
  judgeHeaders,
  judgeRequest,
  readEnvelope,
} from '@sluice/shared';
import { withIdempotencyKey } from './idempotency-key.ts';
import type { TakenJob } from '../job/taken-job.ts';
import { type Terms, termsOf } from '../job/terms.ts';

/** A job that may be performed. */
export type Admission = { envelope: Envelope; terms: Terms };

export type Rejection =
  /** It cannot be read, or its request must never be sent. */
  | { type: 'poison' | 'blocked'; addressee: Addressee; message: string }
  /** Written by a newer producer: a newer worker will read it. */
  | { type: 'newer' }
  | { type: 'expired'; envelope: Envelope };

export type Admitted = ({ type: 'admitted' } & Admission) | Rejection;

/** A job that lost its worker more often than this is what brings workers down. */
export const mostStalls = 10;

/** Can the job be read, and is it still wanted? @param now epoch ms */
export function admit(job: TakenJob, policy: Policy, now: number): Admitted {
  const read = readEnvelope(job.data);
  if (read.type === 'newer') return { type: 'newer' };
  const { addressee } = read;
  if (read.type === 'unreadable') return { type: 'poison', addressee, message: unreadable(read.fault) };
  const { envelope } = read;
  if (job.stalls > mostStalls) {
    const message = `its worker was lost ${job.stalls} times while it ran`;
    return { type: 'poison', addressee, message };
  }
  if (isPast(envelope.deadline, now)) return { type: 'expired', envelope };
  const judged = judgeRequest(envelope.req);
  if (!judged.ok) return { type: 'blocked', addressee, message: judged.reason };
  const { request } = judged;
  // Another writer may have chosen the id, and it may not be a valid header value.
  const [fault] = judgeHeaders(withIdempotencyKey(request, job.id).headers);
  if (fault !== undefined)
    return { type: 'blocked', addressee, message: `the job's id cannot be its idempotency key: ${fault}` };
  const own = request === envelope.req ? envelope : { ...envelope, req: request };
  return { type: 'admitted', envelope: own, terms: termsOf(own, policy) };
}

/** Why a job that no worker can read has failed. */
export function unreadable(fault: string): string {
  return `the job cannot be read: ${fault}; its raw data is kept`;
}

/** Both in epoch ms. */
export function isPast(deadline: number | undefined, now: number): boolean {
  return deadline !== undefined && deadline <= now;
}
