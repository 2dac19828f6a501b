/** What BullMQ hands over, as values. */
export type TakenJob = {
  queue: string;
  id: string;
  /** The lock's token. */
  token: string;
  data: unknown;
  /** Attempts that ended before this one. */
  attemptsMade: number;
  /** How often a worker lost the job without saying so: it was killed, or lost its lock. */
  stalls: number;
  /** performance.now() when it was taken. */
  takenAt: number;
  /** ms that it waited until then, since it was added or its delay was over: by two processes' clocks, so at least 0. */
  waitedMs: number;
  /** Its permit came along with it: performance.now() at which that was not granted yet. Absent: it asks for one. */
  freeSince?: number | undefined;
  /** Aborts on shutdown, cancel and a lost lock; the reason says which. */
  signal: AbortSignal;
};
