import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import { type Keys, type Policy, capEgress, readStoredPolicy } from '@sluice/shared';
import type { LivePolicy } from '../job/live-policy.ts';
import type { Logger } from '../logger.ts';
import { Repeating } from '../maintenance/repeating.ts';

const pollMs = 1000;

export type PolicyEvents = {
  /** A queue got its first policy, or came back. */
  served: (queue: LivePolicy) => void;
  changed: (queue: LivePolicy) => void;
  /** Its policy is gone: stop serving it. */
  removed: (queue: LivePolicy) => void;
};

/**
 * The policies of the queues that this process serves. It reads Redis and never writes. A published message reports a
 * change at once; a look at the versions every second finds it if the message was lost.
 */
export class PolicyReader {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #wanted: '*' | readonly string[];
  readonly #egressMax: Policy['egress'] | null;
  readonly #events: PolicyEvents;
  readonly #log: Logger;
  readonly #served = new Map<string, LivePolicy>();
  /** Versions that could not be read; each is logged once. */
  readonly #unreadable = new Map<string, number>();
  readonly #polling: Repeating;
  #looking: Promise<void> | undefined;
  #again = false;

  constructor(options: {
    redis: Redis;
    keys: Keys;
    queues: '*' | readonly string[];
    /** What policies may allow at most; null: whatever they say. */
    egressMax: Policy['egress'] | null;
    events: PolicyEvents;
    log: Logger;
  }) {
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#wanted = options.queues;
    this.#egressMax = options.egressMax;
    this.#events = options.events;
    this.#log = options.log;
    this.#polling = new Repeating(
      pollMs,
      () => this.look(),
      () => {}, // a look logs its own failures
    );
  }

  /** Queues that were named and have no policy: they are not served, and keep the process not ready. */
  get missing(): string[] {
    return this.#wanted === '*' ? [] : this.#wanted.filter((name) => !this.#served.has(name));
  }

  /** Looks once, then every second; call `look` when a change was published. */
  async start(): Promise<void> {
    await this.look();
    this.#polling.start();
  }

  stop(): void {
    // It does not wait for a look that is under way: Redis may be away.
    void this.#polling.stop();
  }

  /** One look at a time; a call during a look makes it look once more. */
  look(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#again = true;
      return this.#looking;
    }
    this.#looking = this.#look()
      .catch((error: unknown) => this.#log.warn({ err: error }, 'cannot read the policies; trying again'))
      .finally(() => {
        this.#looking = undefined;
        if (this.#again) {
          this.#again = false;
          void this.look();
        }
      });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const versions = await this.#redis.hgetall(this.#keys.queues);
    for (const [name, version] of Object.entries(versions)) {
      if (this.#wanted !== '*' && !this.#wanted.includes(name)) continue;
      if (this.#served.get(name)?.version !== Number(version)) await this.#load(name);
    }
    for (const queue of this.#served.values()) {
      if (versions[queue.name] !== undefined) continue;
      this.#served.delete(queue.name);
      this.#events.removed(queue);
    }
  }

  /**
   * Null for a policy that this version cannot read. The queue is then served by the policy before it, or not at all;
   * the permit script takes the rate from Redis anyway. Other queues are not affected.
   */
  #understood(name: string, json: string, version: number): Policy | null {
    try {
      return this.#within(name, readStoredPolicy(name, json));
    } catch (error) {
      if (this.#unreadable.get(name) !== version)
        this.#log.error({ err: error, queue: name, version }, 'the policy cannot be read');
      this.#unreadable.set(name, version);
      return null;
    }
  }

  /** The policy within the bounds of this worker. */
  #within(queue: string, policy: Policy): Policy {
    if (this.#egressMax === null) return policy;
    const egress = capEgress(policy.egress, this.#egressMax);
    if (!isDeepStrictEqual(egress, policy.egress))
      this.#log.warn(
        { queue, egress },
        'the policy allows more than SLUICE_EGRESS_MAX; only this is contacted',
      );
    return { ...policy, egress };
  }

  async #load(name: string): Promise<void> {
    const [json, version] = await this.#redis.hmget(this.#keys.policy(name), 'json', 'version');
    if (json == null || this.#polling.stopped) return;
    const queue = this.#served.get(name);
    const policy = this.#understood(name, json, Number(version));
    if (policy === null) return;
    if (queue === undefined) {
      const added: LivePolicy = { name, policy, version: Number(version) };
      this.#served.set(name, added);
      this.#events.served(added);
    } else {
      queue.policy = policy;
      queue.version = Number(version);
      this.#events.changed(queue);
    }
  }
}
