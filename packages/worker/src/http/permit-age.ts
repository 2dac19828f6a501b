/** The permit that a request leaves on. Times of performance.now(), ms. */
export type UsedPermit = {
  startAt: number;
  /** An older permit is not used. */
  oldestMs: number;
  /** Its start and the one after it, µs of Redis' clock: what it takes to give it back. Empty: there is no rate. */
  slot: readonly [start: string, next: string];
};

/**
 * The permit was too old when the request was about to be written: its process was stopped, its loop stalled, or
 * the connection took long. Nothing was sent.
 */
export class StalePermit extends Error {
  override readonly name = 'StalePermit';
  readonly permit: UsedPermit;
  constructor(permit: UsedPermit, message: string) {
    super(message);
    this.permit = permit;
  }
}

/**
 * The age of a permit at the last moment, ms: the request has its connection, and its first byte is next.
 * @throws StalePermit
 */
export function ageOf(permit: UsedPermit): number {
  const ageMs = performance.now() - permit.startAt;
  if (ageMs > permit.oldestMs) throw new StalePermit(permit, `the permit was ${Math.round(ageMs)} ms old`);
  return ageMs;
}
