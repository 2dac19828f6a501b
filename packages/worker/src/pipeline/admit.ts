import { type Envelope, envelopeSchema, envelopeVersion } from '@sluice/shared';

/** What BullMQ hands over, as values. */
export type TakenJob = {
  queue: string;
  id: string;
  /** The lock's token. */
  token: string;
  data: unknown;
  /** Attempts that ended before this one. */
  attemptsMade: number;
  /** Times that a worker lost the job without a word: it was killed, or lost its lock. */
  stalls: number;
  /** performance.now() when it was taken. */
  takenAt: number;
  /** Aborts on shutdown, cancel and a lost lock; the reason says which. */
  signal: AbortSignal;
};

export type Admitted =
  | { type: 'admitted'; envelope: Envelope }
  | { type: 'poison'; envelope: Envelope | null; message: string }
  /** Written by a newer producer: a newer worker will read it. */
  | { type: 'newer' }
  | { type: 'expired'; envelope: Envelope };

/** A job that was running so often when its worker was lost is what brings workers down. */
const mostStalls = 10;

/** Can the job be read, and is it still wanted? @param now epoch ms */
export function admit(job: TakenJob, now: number): Admitted {
  const version = (job.data as { v?: unknown } | undefined)?.v;
  if (typeof version === 'number' && version > envelopeVersion) return { type: 'newer' };
  const parsed = envelopeSchema.safeParse(job.data);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ');
    return { type: 'poison', envelope: null, message: `the job cannot be read: ${fields}` };
  }
  const envelope = parsed.data;
  if (job.stalls > mostStalls) {
    const message = `its worker was lost ${job.stalls} times while it ran`;
    return { type: 'poison', envelope, message };
  }
  if (isPast(envelope.deadline, now)) return { type: 'expired', envelope };
  return { type: 'admitted', envelope };
}

/** Both in epoch ms. */
export function isPast(deadline: number | undefined, now: number): boolean {
  return deadline !== undefined && deadline <= now;
}
