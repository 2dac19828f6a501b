import { dutyBeatMs } from '@sluice/shared';
import type { Logger } from '../logger.ts';
import type { Duty } from './duty.ts';
import { Repeating } from './repeating.ts';

/** Something that one worker does for all queues of the fleet, again and again. */
export type Chore = {
  /** For the log: `the deadlines`. */
  readonly name: string;
  /** The pause after each run, ms. */
  readonly everyMs: number;
  /**
   * Does it once, for all queues. Another worker may be doing the same.
   * @param goesOn false: the worker has lost the duty, or stops; leave the rest
   */
  run(goesOn: () => boolean): Promise<void>;
};

/**
 * Looks after the queues of the whole fleet, those that this worker does not serve included, while this worker has the
 * duty: so an idle queue costs the fleet one look, not one for each worker. Each chore begins at once when the worker
 * gets the duty, and has its own rhythm.
 */
export class Sweeper {
  readonly #duty: Duty;
  readonly #chores: readonly { repeating: Repeating; dueAt: number }[];
  #isStopped = false;

  constructor(duty: Duty, chores: readonly Chore[], log: Logger) {
    this.#duty = duty;
    this.#chores = chores.map((chore) => {
      const own = {
        dueAt: 0,
        repeating: new Repeating(
          Math.min(dutyBeatMs, chore.everyMs),
          async () => {
            if (!duty.isMine) own.dueAt = 0;
            if (!duty.isMine || performance.now() < own.dueAt) return;
            try {
              await chore.run(() => duty.isMine && !this.#isStopped);
            } finally {
              own.dueAt = performance.now() + chore.everyMs;
            }
          },
          (error) => log.warn({ err: error }, `the sweep of ${chore.name} failed; trying again`),
        ),
      };
      return own;
    });
  }

  start(): void {
    this.#duty.start();
    for (const { repeating } of this.#chores) repeating.start();
  }

  /** Resolves when what is under way has ended, and another worker may have the duty. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#chores.map(({ repeating }) => repeating.stop()));
    await this.#duty.stop();
  }
}

/** A list in parts of at most `size`: a script call for each. */
export function inParts<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) =>
    items.slice(n * size, (n + 1) * size),
  );
}
