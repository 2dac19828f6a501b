import type { Redis } from 'ioredis';
import type { Outcome } from '@sluice/shared';
import { redactRedisUrl } from '@sluice/redis';
import { warnOnce } from './warn-once.ts';

/** Where a client writes what an operator should know: `console`, a pino logger, or anything like them. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}

/** A job that was accepted. */
export interface AcceptedJob {
  id: string;
  queue: string;
  method: string;
  /** Its query is hidden. */
  url: string;
}

/** A job that has ended. */
export interface SettledJob {
  id: string;
  queue: string;
  outcome: Outcome;
}

export interface Warning {
  /** See docs/errors.md. */
  code: 'SLUICE_POLICY_CONFLICT' | 'SLUICE_NO_WORKER' | 'SLUICE_REDIS_UNREACHABLE';
  message: string;
}

/** What a client reports while it works. What a hook throws is logged as a warning, and changes nothing. */
export interface Hooks {
  /** A job was put on its queue; not one that was there before (`id`, `idempotencyKey`). */
  accepted?: ((job: AcceptedJob) => void) | undefined;
  /** A job has ended whose outcome this client awaits: one that it enqueued, unless into a batch, or asked for. */
  settled?: ((job: SettledJob) => void) | undefined;
  /** Something that an operator should know, and that no call throws. */
  warning?: ((warning: Warning) => void) | undefined;
}

/** The logger and the hooks of one client. Without either, warnings are those of the process. */
export class Reports {
  readonly #logger: Logger | undefined;
  readonly #hooks: Hooks;
  #closed = false;

  constructor(logger?: Logger, hooks: Hooks = {}) {
    this.#logger = logger;
    this.#hooks = hooks;
  }

  /** From here on nothing is reported. */
  close(): void {
    this.#closed = true;
  }

  accepted(job: AcceptedJob): void {
    this.#call('accepted', () => this.#hooks.accepted?.(job));
  }

  settled(job: SettledJob): void {
    this.#call('settled', () => this.#hooks.settled?.(job));
  }

  /** A line for each change that goes to the audit log. */
  changed(message: string): void {
    if (!this.#closed) this.#logger?.info(message);
  }

  /** @param about one of the same is enough for a process. Default: the message */
  warning(warning: Warning, about?: string): void {
    if (this.#closed) return;
    this.#logger?.warn(warning.message);
    this.#call('warning', () => this.#hooks.warning?.(warning));
    const isHeard = this.#logger !== undefined || this.#hooks.warning !== undefined;
    // A connection that is lost comes back by itself: nobody needs to hear of it who did not ask.
    if (isHeard || warning.code === 'SLUICE_REDIS_UNREACHABLE') return;
    warnOnce(warning.code, warning.message, about);
  }

  /** For who looks: it is nothing to be done about. */
  info(message: string): void {
    if (!this.#closed) this.#logger?.info(message);
  }

  /** Reports when a connection is lost, once, and when it is back. */
  watch(redis: Redis, url: string): void {
    let isLost = false;
    const where = redactRedisUrl(url);
    redis.on('close', () => {
      if (isLost) return;
      isLost = true;
      const message = `the connection to ${where} was lost; it is being opened again`;
      this.warning({ code: 'SLUICE_REDIS_UNREACHABLE', message });
    });
    redis.on('ready', () => {
      if (isLost) this.info(`the connection to ${where} is back`);
      isLost = false;
    });
  }

  #call(name: keyof Hooks, hook: () => void): void {
    if (this.#closed) return;
    try {
      hook();
    } catch (error) {
      const message = `the hook "${name}" threw: ${error instanceof Error ? error.message : String(error)}`;
      if (this.#logger === undefined) process.emitWarning(message, { type: 'SluiceWarning' });
      else this.#logger.warn(message);
    }
  }
}
