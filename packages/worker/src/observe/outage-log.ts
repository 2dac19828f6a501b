import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';

/** How long all connections must have been up, ms: a server that takes no writes lets them connect again and again. */
const steadyMs = 1000;

/** Errors of a connection that breaks or cannot be made: system codes, and sentences of ioredis and Redis. */
const codes = /^(E(CONN\w+|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN)|ENOTFOUND)$/;
const sentences =
  /^(connection is closed|socket timeout|connect ETIMEDOUT|all sentinels are unreachable|READONLY|NOREPLICAS|MASTERDOWN|LOADING|MOVED|ASK|TRYAGAIN|CLUSTERDOWN)/i;

/**
 * BullMQ reports these for each job, again and again. Lost locks are logged once elsewhere. After a lost connection a
 * move is sent again, and fails because the job has already been moved.
 */
const movedOn =
  /^(could not renew lock for job |(Missing (key|lock)|Lock mismatch) for job |Job \S+ is not in the \S+ state\. )/;

/**
 * Whether an error of BullMQ only repeats what is logged once elsewhere: that Redis is away, that locks expired, or
 * that a job has already ended. Pure.
 */
export function isConnectionNoise(error: Error & { code?: unknown }): boolean {
  return codes.test(String(error.code)) || sentences.test(error.message) || movedOn.test(error.message);
}

/**
 * Logs an outage of Redis twice: when the first connection of this process is lost, and when all are back. BullMQ and
 * ioredis report it for every connection and every reconnect.
 */
export class OutageLog {
  readonly #log: Logger;
  readonly #down = new Set<Redis>();
  #since: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reason: string | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** To be called with every connection of the process. */
  watch(client: Redis): void {
    client.on('error', (error: Error) => {
      this.#reason = error.message;
      this.#log.debug({ err: error }, 'a connection to Redis failed');
    });
    client.on('close', () => {
      // By now it is known whether it was closed on purpose.
      if (client.status === 'end') return;
      this.#down.add(client);
      clearTimeout(this.#timer);
      if (this.#since !== undefined) return;
      this.#since = performance.now();
      this.#log.warn(
        this.#reason === undefined ? {} : { reason: this.#reason },
        'the connection to Redis is lost; reconnecting',
      );
    });
    client.on('ready', () => this.#up(client));
    client.on('end', () => this.#up(client));
  }

  #up(client: Redis): void {
    this.#down.delete(client);
    if (this.#since === undefined || this.#down.size > 0) return;
    const now = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#log.info({ lostMs: Math.round(now - this.#since!) }, 'connected to Redis again');
      this.#since = undefined;
      this.#reason = undefined;
    }, steadyMs);
    this.#timer.unref();
  }
}
