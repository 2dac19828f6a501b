/** A permit that came along with a job is used sooner than this, ms. */
const keptMs = 1000;

/**
 * The cancels that were heard of jobs that do not run here. A job may be on its way here, with a permit that was
 * granted before its cancel mark was set: that permit is not used, and the permit script then sees the mark.
 */
export class Cancels {
  /** Id -> performance.now(), the oldest first. */
  readonly #heard = new Map<string, number>();

  /** @param now performance.now() */
  heard(id: string, now: number = performance.now()): void {
    for (const [other, at] of this.#heard) {
      if (now - at < keptMs) break;
      this.#heard.delete(other);
    }
    this.#heard.delete(id);
    this.#heard.set(id, now);
  }

  /** Whether a cancel of the job was heard since a time of performance.now(). */
  since(id: string, time: number): boolean {
    return (this.#heard.get(id) ?? Number.NEGATIVE_INFINITY) >= time;
  }
}
