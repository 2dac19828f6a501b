import { type Envelope, envelopeSchema } from '@sluice/shared';

/** What BullMQ hands over, as values. */
export type TakenJob = {
  queue: string;
  id: string;
  /** The lock's token. */
  token: string;
  data: unknown;
  /** Attempts that ended before this one. */
  attemptsMade: number;
  /** performance.now() when it was taken. */
  takenAt: number;
  /** Aborts on shutdown, cancel and a lost lock; the reason says which. */
  signal: AbortSignal;
};

export type Admitted =
  | { type: 'admitted'; envelope: Envelope }
  | { type: 'poison'; envelope: null; message: string }
  | { type: 'expired'; envelope: Envelope };

/** Can the job be read, and is it still wanted? @param now epoch ms */
export function admit(job: TakenJob, now: number): Admitted {
  const parsed = envelopeSchema.safeParse(job.data);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ');
    return { type: 'poison', envelope: null, message: `the job cannot be read: ${fields}` };
  }
  const envelope = parsed.data;
  if (isPast(envelope.deadline, now)) return { type: 'expired', envelope };
  return { type: 'admitted', envelope };
}

/** Both in epoch ms. */
export function isPast(deadline: number | undefined, now: number): boolean {
  return deadline !== undefined && deadline <= now;
}
