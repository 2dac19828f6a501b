import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, type Policy, failedLookScript, readStoredPolicy, trimFailedScript } from '@sluice/shared';
import { type Chore, inParts } from './sweeper.ts';

const queuesAtOnce = 100;
const jobsAtOnce = 500;

/** The part of a policy that says which failed jobs are kept; null: this version cannot read the policy. */
type Kept = { version: string; terms: Policy['keepFailed'] | null };

/**
 * Removes failed jobs when their time is over. BullMQ does so only when it fails another job: not for jobs that expire
 * while they wait, nor in a queue where nothing fails any more.
 */
export class FailedJobs implements Chore {
  readonly name = 'failed jobs';
  readonly everyMs = 5000;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #now: () => number;
  readonly #look: BoundTo<typeof failedLookScript>;
  readonly #trim: BoundTo<typeof trimFailedScript>;
  /** Of the queues that have failed jobs. */
  readonly #kept = new Map<string, Kept>();

  /** @param parts `now`: epoch ms */
  constructor(parts: { redis: Redis; keys: Keys; now: () => number }) {
    this.#redis = parts.redis;
    this.#keys = parts.keys;
    this.#now = parts.now;
    this.#look = bindScript(parts.redis, parts.keys, failedLookScript);
    this.#trim = bindScript(parts.redis, parts.keys, trimFailedScript);
  }

  async run(goesOn: () => boolean): Promise<void> {
    const versions = await this.#redis.hgetall(this.#keys.queues);
    for (const name of this.#kept.keys()) if (versions[name] === undefined) this.#kept.delete(name);
    for (const names of inParts(Object.keys(versions), queuesAtOnce)) {
      if (!goesOn()) return;
      const glances = await this.#look([names], {});
      for (const [n, { count, oldestAt }] of glances.entries()) {
        if (count === 0) continue;
        const name = names[n]!;
        const terms = await this.#terms(name, versions[name]!);
        if (terms === null) continue;
        if (count > terms.count || oldestAt <= this.#now() - terms.age) {
          await this.#trimAll(name, terms, goesOn);
        }
      }
    }
  }

  async #terms(name: string, version: string): Promise<Policy['keepFailed'] | null> {
    const known = this.#kept.get(name);
    if (known?.version === version) return known.terms;
    const json = await this.#redis.hget(this.#keys.policy(name), 'json');
    const terms = json === null ? null : keptBy(name, json);
    this.#kept.set(name, { version, terms });
    return terms;
  }

  async #trimAll(name: string, { age, count }: Policy['keepFailed'], goesOn: () => boolean): Promise<void> {
    const jobKey = this.#keys.bull(name).job('');
    let removed;
    do {
      const before = this.#now() - age;
      removed = await this.#trim([name], { jobKey, before, kept: count, most: jobsAtOnce });
    } while (removed === jobsAtOnce && goesOn());
  }
}

function keptBy(name: string, json: string): Policy['keepFailed'] | null {
  try {
    return readStoredPolicy(name, json).keepFailed;
  } catch {
    // Workers that serve the queue say so (queue/policy-reader.ts).
    return null;
  }
}
