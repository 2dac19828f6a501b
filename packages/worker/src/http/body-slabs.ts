/** Bytes of the first slab and of the largest: most bodies are small, and many may be on their way. */
const firstSlab = 4096;
const largestSlab = 65_536;

/**
 * Collects a body in slabs of its own. The parser gives one Buffer object per chunk, each a view of the socket's
 * buffer, so a body in chunks of one byte would take more than a hundred times its size.
 */
export class BodySlabs {
  readonly #full: Buffer[] = [];
  #slab: Buffer | null = null;
  #used = 0;
  #size = 0;

  /** Bytes that were added and not taken. */
  get size(): number {
    return this.#size;
  }

  add(chunk: Uint8Array): void {
    this.#size += chunk.length;
    for (let from = 0; from < chunk.length;) {
      this.#slab ??= this.#next(chunk.length - from);
      const part = chunk.subarray(from, from + this.#slab.length - this.#used);
      this.#slab.set(part, this.#used);
      this.#used += part.length;
      from += part.length;
      if (this.#used === this.#slab.length) this.#close();
    }
  }

  /** The full slabs, which are the caller's from then on. */
  takeFull(): Buffer[] {
    const full = this.#full.splice(0);
    for (const slab of full) this.#size -= slab.length;
    return full;
  }

  /** All that is left, in one piece. */
  takeRest(): Buffer {
    this.#close();
    const slabs = this.takeFull();
    return slabs.length === 1 ? slabs[0]! : Buffer.concat(slabs);
  }

  clear(): void {
    this.#full.length = 0;
    this.#slab = null;
    this.#used = 0;
    this.#size = 0;
  }

  #next(wanted: number): Buffer {
    // A slab is at most as large as what came before it, so at least half of the memory is in use.
    const size = Math.min(largestSlab, Math.max(firstSlab, this.#size, wanted));
    return Buffer.allocUnsafeSlow(size);
  }

  #close(): void {
    if (this.#slab === null) return;
    // A view of a slab that is mostly empty would keep all of it.
    const isFull = this.#used === this.#slab.length;
    this.#full.push(isFull ? this.#slab : Buffer.from(this.#slab.subarray(0, this.#used)));
    this.#slab = null;
    this.#used = 0;
  }
}
