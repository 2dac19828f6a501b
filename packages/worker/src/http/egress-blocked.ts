/**
 * The egress rules block this URL (the first or a redirect's), or every address behind it. Nothing was sent, and a
 * retry would change nothing.
 */
export class EgressBlocked extends Error {
  override readonly name = 'EgressBlocked';
  readonly code = 'SLUICE_BLOCKED';
  /** What was blocked, why, and what would allow it: a sentence for the job's outcome. */
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}
