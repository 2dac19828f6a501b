import type { EnqueuedItem, JobSpec } from '@sluice/producer';
import { errorCodes } from '@sluice/shared';
import { z } from 'zod';
import { linesOf } from './batch-lines.ts';

/** Faults that an answer lists; it counts them all. */
export const mostFaults = 1000;

const codes = Object.keys(errorCodes) as [keyof typeof errorCodes];
/** What is wrong with a line of an upload. */
export const lineFault = z.object({
  line: z.int().meta({ description: 'From 1.' }),
  code: z.enum(codes),
  detail: z.string(),
});
/** What became of the lines of an upload. */
export class Tally {
  added = 0;
  existed = 0;
  faulty = 0;
  readonly faults: z.input<typeof lineFault>[] = [];
  /** The lines of the specs whose adds are under way, in their order. */
  readonly #lines: number[] = [];

  /** The specs of the lines that have one. */
  async *specs(input: AsyncIterable<Uint8Array>, batch: string): AsyncGenerator<JobSpec, void, undefined> {
    for await (const { line, value, fault } of linesOf(input)) {
      if (value === undefined) this.#note(line, 'SLUICE_INVALID_SPEC', fault!);
      else {
        this.#lines.push(line);
        const isNamed = value['id'] !== undefined || value['idempotencyKey'] !== undefined;
        yield (isNamed ? value : { ...value, id: `${batch}.${line}` }) as unknown as JobSpec;
      }
    }
  }

  /** The items come in the order of the specs. */
  count({ handle, error }: EnqueuedItem): void {
    const line = this.#lines.shift()!;
    if (error !== undefined) {
      // The library counts specs, not lines.
      this.#note(line, error.code, error.message.replace(/^job spec \[\d+\]: /, ''));
    } else if (handle.existed) this.existed += 1;
    else this.added += 1;
  }

  #note(line: number, code: keyof typeof errorCodes, detail: string): void {
    this.faulty += 1;
    if (this.faults.length < mostFaults) this.faults.push({ line, code, detail });
  }
}
