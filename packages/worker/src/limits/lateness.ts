/** So many permits are looked back on. */
const kept = 64;

/** What fifteen of a hundred exceed is what they cost to allow for. */
const quantile = 0.85;

/** In steps, ms: a permit that may be used for longer takes more of the window. */
const stepMs = 2;

/**
 * How late this process uses its permits. A process whose loop is slow asks for permits that may be used for longer, and
 * pays for it in the log of starts; asking again and again for permits that are too old costs more.
 */
export class Lateness {
  readonly #ages = new Float64Array(kept);
  #count = 0;

  /** The age of a permit when its request was about to leave, ms; also of one that was too old for it. */
  observe(ageMs: number): void {
    this.#ages[this.#count % kept] = ageMs;
    this.#count += 1;
  }

  /**
   * By how much longer than `oldestMs` permits should be usable, ms.
   * @param perMs window of the rate: a tenth of it at most, and never more than 100 ms
   */
  extraMs(oldestMs: number, perMs: number): number {
    if (this.#count < kept) return 0;
    const ages = this.#ages.slice().sort();
    const beyond = ages[Math.floor(quantile * kept)]! - oldestMs;
    if (beyond <= 0) return 0;
    return Math.min(stepMs * Math.ceil(beyond / stepMs), 100, perMs / 10);
  }
}
