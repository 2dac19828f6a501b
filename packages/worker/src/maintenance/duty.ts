import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, dutyBeatMs, dutyMs, dutyScript, leaveDutyScript } from '@sluice/shared';
import type { Logger } from '../logger.ts';
import { Repeating } from './repeating.ts';
import type { Judging } from './judging.ts';

/**
 * The duty to sweep for the whole fleet: one worker has it at a time. Every worker asks for it twice a second, in one
 * short call, however many queues there are; so it passes to another within 3 s of its holder's death.
 */
export class Duty {
  readonly #worker: string;
  readonly #judging: Judging;
  readonly #ask: BoundTo<typeof dutyScript>;
  readonly #leave: BoundTo<typeof leaveDutyScript>;
  readonly #asking: Repeating;
  /** Monotonic ms. */
  #until = 0;

  /** @param parts `id`: of the worker */
  constructor(parts: { redis: Redis; keys: Keys; id: string; judging: Judging; log: Logger }) {
    this.#worker = parts.id;
    this.#judging = parts.judging;
    this.#ask = bindScript(parts.redis, parts.keys, dutyScript);
    this.#leave = bindScript(parts.redis, parts.keys, leaveDutyScript);
    this.#asking = new Repeating(
      dutyBeatMs,
      () => this.#beat(),
      (error) => parts.log.debug({ err: error }, 'cannot ask for the duty to sweep'),
    );
  }

  /** This worker sweeps. False also when it does not know, because Redis has not answered for too long. */
  get isMine(): boolean {
    return performance.now() < this.#until;
  }

  start(): void {
    this.#asking.start();
  }

  /** Gives the duty to whoever asks next. While Redis is away, it lapses by itself. */
  async stop(): Promise<void> {
    await this.#asking.stop();
    if (!this.isMine) return;
    this.#until = 0;
    await this.#leave([], { worker: this.#worker }).catch(() => {});
  }

  async #beat(): Promise<void> {
    // From the question on: Redis may have given it then, and the answer have taken long.
    const askedAt = performance.now();
    const isMine = await this.#ask([], { worker: this.#worker, ...this.#judging });
    this.#until = isMine ? askedAt + dutyMs : 0;
  }
}
