import type { Redis } from 'ioredis';
import {
  type Judgement,
  type Keys,
  type Policy,
  SluiceError,
  closestName,
  fault,
  judgeLiteral,
  literalAddress,
  queueNameSchema,
  readStoredPolicy,
  validate,
} from '@sluice/shared';

/** How long the names of the queues, and the policy of one, are taken for current, ms. */
const freshMs = 1000;

/** With more names than this, an error does not list them all. */
const mostListed = 10;

/**
 * The queues that have a policy. A job for any other would wait for good, and without a word: no worker serves it. The
 * names are read once a second at most, so that this costs a job nothing; a name that is not among them is asked for again
 * before anything is refused.
 */
export class KnownQueues {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #policies = new Map<string, { readAt: number; policy: Promise<Policy | null> }>();
  #names: ReadonlySet<string> = new Set();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * @param what what a fault calls the job
   * @throws SluiceError SLUICE_POLICY_MISSING, with the queue that was probably meant; SLUICE_INVALID_SPEC for a name that
   *   no queue can have
   */
  async assertKnown(name: string, what: string): Promise<void> {
    validate(queueNameSchema, name, 'SLUICE_INVALID_SPEC', `queue "${name}"`);
    const calledAt = performance.now();
    if (calledAt - this.#readAt > freshMs) {
      this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
      await this.#reading;
    }
    if (this.#names.has(name)) return;
    // It may have been created since.
    if (this.#readAt < calledAt) await this.#read();
    if (!this.#names.has(name)) throw policyMissing(name, this.#names, what);
  }

  /**
   * Refuses a URL with a literal address that the policy of the queue blocks: no worker would contact it. Names are judged
   * by the workers, who resolve them.
   * @throws SluiceError SLUICE_BLOCKED
   */
  async assertAllowed(queue: string, url: string, what: string): Promise<void> {
    const parsed = URL.parse(url);
    if (parsed === null || literalAddress(parsed) === null) return;
    const calledAt = performance.now();
    let judged = await this.#judge(queue, url, calledAt - freshMs);
    // The policy may have been changed since.
    if (!judged.ok) judged = await this.#judge(queue, url, calledAt);
    if (judged.ok) return;
    throw new SluiceError('SLUICE_BLOCKED', `${what}: url: ${judged.reason}`, {
      faults: [fault(['url'], judged.reason)],
    });
  }

  /** To be called when this process has removed a queue. */
  forget(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
    this.#policies.clear();
  }

  async #read(): Promise<void> {
    const startedAt = performance.now();
    const names = await this.#redis.hkeys(this.#keys.queues);
    if (startedAt < this.#readAt) return;
    this.#readAt = startedAt;
    this.#names = new Set(names);
    for (const name of this.#policies.keys()) if (!this.#names.has(name)) this.#policies.delete(name);
  }

  /** @param since an older policy is read again, performance.now() */
  async #judge(queue: string, url: string, since: number): Promise<Judgement> {
    let known = this.#policies.get(queue);
    if (known === undefined || known.readAt < since) {
      known = { readAt: performance.now(), policy: this.#readPolicy(queue) };
      this.#policies.set(queue, known);
    }
    const policy = await known.policy;
    return policy === null ? { ok: true } : judgeLiteral(url, policy.egress);
  }

  /** Null when there is none, or none that this version can read: then the workers judge. */
  async #readPolicy(queue: string): Promise<Policy | null> {
    try {
      const json = await this.#redis.hget(this.#keys.policy(queue), 'json');
      return json === null ? null : readStoredPolicy(queue, json);
    } catch {
      return null;
    }
  }
}

/** The error for a queue without a policy. @param what what a fault calls the job; empty: there is none */
export function policyMissing(name: string, names: Iterable<string>, what = ''): SluiceError {
  const all = [...names].sort();
  const meant = closestName(name, all);
  const listed = all.slice(0, mostListed).join(', ') + (all.length > mostListed ? ', …' : '');
  const there = all.length === 0 ? 'no queue here has one yet' : `the queues here are: ${listed}`;
  const hint = meant === null ? there : `did you mean "${meant}"?`;
  const message =
    `${what === '' ? '' : `${what}: `}queue "${name}" has no policy, so no worker takes its jobs; ${hint} ` +
    `(create it with connect({ queue, rate }), or: sluice queue set ${name} --rate 100/60s)`;
  return new SluiceError('SLUICE_POLICY_MISSING', message);
}
