import type { Logger } from '../logger.ts';
import type { Policy } from '@sluice/shared';
import type { AttemptTimer } from '../http/attempt-timer.ts';
import type { TakenJob } from '../job/taken-job.ts';
import type { Permit, PermitAnswer, Permits } from './permits.ts';
import type { SendMarks } from './send-marks.ts';

/**
 * The permit was too old when the request was about to be written: its process was stopped, its loop stalled, or
 * the connection took long. Nothing was sent on it.
 */
export class StalePermit extends Error {
  override readonly name = 'StalePermit';
}

/** What writing takes, ms. A permit that was used later than that was used late. */
const lateMs = 2;

export type TicketContext = {
  policy: Policy;
  permits: Permits;
  sendMarks: SendMarks;
  log: Logger;
  /** Called with the age of each permit that is used, ms. */
  observeAge: (ageMs: number) => void;
};

/**
 * What a taken job has not spent yet: the gate token that it was taken with, its permit, its send mark. The first byte
 * spends them. Whatever is not spent when the run ends goes back, however it ends.
 */
export class Ticket implements AsyncDisposable {
  readonly #job: TakenJob;
  readonly #context: TicketContext;
  /** The permit script takes a token back itself when it grants nothing. */
  #hasToken = true;
  #permit: Permit | null = null;
  /** The permit came along with the job, and has not been looked at: since when. */
  #cameSince: number | null = null;
  #spent: Permit | null = null;
  #isMarked = false;
  #isSpent = false;
  #startAt: number | null = null;

  constructor(job: TakenJob, context: TicketContext) {
    this.#job = job;
    this.#context = context;
    if (job.freeSince === undefined) return;
    this.#permit = context.permits.came();
    this.#cameSince = job.freeSince;
  }

  /** A byte of a request has left, or may have: the upstream may have seen it. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** ms since the first request was allowed to leave; 0: none was. */
  get durationMs(): number {
    return this.#startAt === null ? 0 : performance.now() - this.#startAt;
  }

  /**
   * Asks for the right to send one request and waits for its start. A permit that was not used is exchanged for it.
   *
   * The timer stands still while Redis is asked. The wait for the start of a first request is not the attempt's either;
   * that of a redirect hop is.
   * @throws the reason of the job's signal, or of the timer
   */
  async ask(origin: string, timer: AttemptTimer): Promise<{ type: 'go' } | PermitAnswer> {
    const { permits, policy } = this.#context;
    const { queue, id } = this.#job;
    const isHop = this.#isSpent;
    if (this.#cameSince !== null && (await this.#usesWhatCame(origin))) return { type: 'go' };
    const stale = this.#permit;
    this.#permit = null;
    const answer = await permits.reserve({
      queue,
      policy,
      id,
      origin,
      takenAt: this.#takenAt,
      waitedMs: isHop || stale !== null ? -1 : this.#job.waitedMs,
      stale,
    });
    if (answer.type !== 'reserved') {
      this.#hasToken = false;
      return answer;
    }
    this.#permit = answer.permit;
    const start = permits.untilStart(queue, origin, answer, timer);
    await (isHop ? timer.race(start) : start);
    this.#job.signal.throwIfAborted();
    const obstacle = await permits.obstacle(queue, origin, answer);
    if (obstacle !== null) {
      // Both at once: the token counts in its window only.
      await this.#giveBack();
      return obstacle;
    }
    this.#startAt ??= answer.permit.startAt;
    return { type: 'go' };
  }

  /** Marks the attempt as being sent, for a job that must not be sent twice. False: an earlier run has marked it. */
  async mark(): Promise<boolean> {
    this.#isMarked ||= await this.#context.sendMarks.mark(this.#job);
    return this.#isMarked;
  }

  /**
   * To be called when the request has its connection, and its first byte is next.
   * @throws StalePermit when that is too late; nothing may be sent then
   */
  spend(): void {
    const permit = this.#permit;
    if (permit === null) throw new Error('a request was about to be sent without a permit');
    const ageMs = performance.now() - permit.startAt;
    if (permit.slot[0] !== '') this.#context.permits.observeAge(ageMs);
    if (ageMs > permit.oldestMs) throw new StalePermit(`the permit was ${Math.round(ageMs)} ms old`);
    this.#context.observeAge(ageMs);
    this.#permit = null;
    this.#spent = permit;
    this.#hasToken = false;
    this.#isSpent = true;
  }

  /**
   * To be called when the request has been written: the process may have lost its CPU since `spend` looked at the
   * clock. A request that left late counts in the log of starts from now on.
   */
  written(): void {
    const permit = this.#spent;
    this.#spent = null;
    if (permit === null || performance.now() - permit.startAt <= permit.oldestMs + lateMs) return;
    this.#context.permits.wasLate(this.#job.queue);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // First: a run that finds the mark takes the attempt for sent.
      if (this.#isMarked && !this.#isSpent) await this.#context.sendMarks.clear(this.#job);
      await this.#giveBack();
    } catch (error) {
      const { queue, id } = this.#job;
      this.#context.log.warn({ err: error, queue, id }, 'what the job did not use could not be given back');
    }
  }

  /** Whether the permit that came along may be used. If not, it goes back, and another one is asked for. */
  async #usesWhatCame(origin: string): Promise<boolean> {
    const { permits } = this.#context;
    const { queue, signal } = this.#job;
    const since = this.#cameSince!;
    this.#cameSince = null;
    signal.throwIfAborted();
    if (permits.isFresh(queue, origin, since)) {
      this.#permit = permits.came();
      this.#startAt ??= this.#permit.startAt;
      return true;
    }
    const unused = this.#permit;
    this.#permit = null;
    await permits.giveBack(queue, unused, undefined);
    return false;
  }

  /** performance.now() when the job was taken, while its gate token is unspent. */
  get #takenAt(): number | undefined {
    return this.#hasToken ? this.#job.takenAt : undefined;
  }

  async #giveBack(): Promise<void> {
    const permit = this.#permit;
    const takenAt = this.#takenAt;
    this.#permit = null;
    this.#hasToken = false;
    if (permit === null && takenAt === undefined) return;
    await this.#context.permits.giveBack(this.#job.queue, permit, takenAt);
  }
}
