import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BullScripts, bullScripts } from '@sluice/redis';
import { decodeMessage } from '@sluice/shared';
import type { PoolConfig } from './settings.ts';
import type { Logger } from './logger.ts';
import { Announcement } from './maintenance/announcement.ts';
import { fleetSweeper } from './maintenance/fleet-sweeper.ts';
import type { Sweeper } from './maintenance/sweeper.ts';
import { type Parts, openParts } from './parts.ts';
import { Drain } from './queue/drain.ts';
import { PolicyReader } from './queue/policy-reader.ts';
import { ServedQueues } from './queue/served-queues.ts';
import { packageVersion } from './version.ts';

/** How long a drain waits for the transforms and the body store to close, ms. */
const closingMs = 100;

export type RunningPool = {
  /** Why the pool is not ready; empty: it is. */
  notReady(): string[];
  /**
   * Stops taking jobs at once, waits up to `graceMs` for those in flight, and gives the rest back with no attempt
   * spent. A second call gives them back immediately. Ends within the grace plus a second, whatever Redis does.
   * @returns false when Redis did not answer and jobs are left: they run again when their locks have expired
   */
  drain(graceMs: number): Promise<boolean>;
};

/**
 * Serves queues: one BullMQ worker each, all under one concurrency of the process.
 * @param bull the scripts of BullMQ that may run inside ours
 * @throws SluiceError when Redis, the clock, the body store or a transform cannot be used
 */
export async function startPool(
  config: PoolConfig,
  log: Logger,
  bull: BullScripts = bullScripts(import.meta.url),
): Promise<RunningPool> {
  const pool = await Pool.open(config, log, bull);
  await pool.serve();
  return pool;
}

/** The queues of a process, from the first connection to the last. */
export class Pool implements RunningPool {
  /** What the fleet knows this pool by. */
  readonly id = randomUUID();
  readonly #parts: Parts;
  readonly #queues: ServedQueues;
  readonly #policies: PolicyReader;
  readonly #sweeper: Sweeper;
  readonly #announcement: Announcement;
  #isServing = false;
  #draining: { drain: Drain; ended: Promise<boolean> } | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    const { config } = parts;
    this.#queues = new ServedQueues({ ...parts, workerId: this.id });
    this.#policies = new PolicyReader({
      ...parts,
      queues: config.queues,
      egressMax: config.egressMax,
      events: this.#queues,
    });
    this.#sweeper = fleetSweeper(this.id, parts);
    const about = { id: this.id, pid: process.pid, version: packageVersion(), queues: config.queues };
    this.#announcement = new Announcement({ ...parts, about, takesJobs: () => parts.clock.fault === null });
  }

  /**
   * Connects, and checks what can be checked; takes no jobs before `serve`. The pool can be drained at any time.
   * @throws SluiceError as `startPool`
   */
  static async open(
    config: PoolConfig,
    log: Logger,
    bull: BullScripts = bullScripts(import.meta.url),
  ): Promise<Pool> {
    const parts = await openParts(config, log, bull);
    const pool = new Pool(parts);
    try {
      await parts.clock.start((fault) => pool.#clockChanged(fault));
      parts.subscriber.on('message', (_channel: string, text: string) => pool.#heard(text));
      await parts.subscriber.subscribe(parts.keys.events);
    } catch (error) {
      pool.#disconnect();
      throw error;
    }
    return pool;
  }

  /** Takes jobs from now on. */
  async serve(): Promise<void> {
    await this.#policies.start();
    this.#isServing = true;
    if (this.#draining !== undefined) return;
    this.#sweeper.start();
    this.#parts.bodies.start();
    await this.#announcement.start();
  }

  notReady(): string[] {
    const { redis, clock, bodies, transforms } = this.#parts;
    return [
      ...(redis.status === 'ready' ? [] : [`the connection to Redis is ${redis.status}`]),
      ...(clock.fault === null ? [] : [clock.fault]),
      ...(this.#isServing ? [] : ['starting']),
      ...(this.#draining === undefined ? [] : ['draining']),
      ...this.#queues
        .policies()
        .filter(({ policy }) => policy.store !== null && !bodies.ready)
        .map(({ name }) => `queue "${name}" stores large bodies; set SLUICE_BODY_STORE`),
      ...this.#queues
        .policies()
        .filter(({ policy: { retryIf } }) => retryIf !== undefined && !transforms.names.includes(retryIf))
        .map(
          ({ name, policy }) =>
            `queue "${name}" needs the module "${policy.retryIf}"; add it to SLUICE_TRANSFORMS`,
        ),
      ...this.#policies.missing.map(
        (name) => `queue "${name}" has no policy; create one with: sluice queue set ${name}`,
      ),
    ];
  }

  drain(graceMs: number): Promise<boolean> {
    if (this.#draining === undefined) {
      const drain = new Drain(this.#queues.all());
      this.#draining = { drain, ended: this.#end(drain, graceMs) };
    } else this.#draining.drain.hurry();
    return this.#draining.ended;
  }

  async #end(drain: Drain, graceMs: number): Promise<boolean> {
    const { clock, permitWatch, transforms, bodies } = this.#parts;
    this.#policies.stop();
    const swept = Promise.all([this.#announcement.stop(), this.#sweeper.stop()]);
    const isEmpty = await drain.run(graceMs, swept);
    clock.stop();
    permitWatch.stop();
    // A sweep of the body store may take long, so this does not wait for its end.
    await Promise.race([Promise.all([transforms.close(), bodies.stop()]), sleep(closingMs)]);
    this.#disconnect();
    return isEmpty;
  }

  #disconnect(): void {
    this.#parts.subscriber.disconnect();
    this.#parts.redis.disconnect();
  }

  #clockChanged(fault: string | null): void {
    const { log } = this.#parts;
    if (fault === null) log.info('the clock is right again: jobs are taken');
    else log.error(`no jobs are taken: ${fault}`);
    this.#queues.setTaking(fault === null);
  }

  #heard(text: string): void {
    const message = decodeMessage(text);
    switch (message?.type) {
      case 'policy':
        void this.#policies.look();
        break;
      case 'hold':
        this.#parts.holds.heard(message.queue, message.origin, message.ms);
        break;
      case 'release':
        this.#parts.holds.released(message.queue);
        break;
      case 'cancel':
        this.#queues.get(message.queue)?.cancel(message.id);
        break;
    }
  }
}
