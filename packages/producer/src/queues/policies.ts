import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import {
  type Keys,
  type Policy,
  type PolicyInput,
  SluiceError,
  applyPolicyScript,
  encodeMessage,
  pacingOf,
  policySchema,
  queueNameSchema,
  readStoredPolicy,
  storedPolicy,
  validate,
  isObject,
  namedFields,
  withNamed,
} from '@sluice/shared';
import type { Trail } from '../audit/trail.ts';
import type { Warning } from '../reports.ts';

export type PolicyChange = 'created' | 'changed' | 'same';

/**
 * What is done when a queue's policy differs from one that code names: `keep` the queue's, and warn once; `replace` the
 * fields that the code names; `fail` with SLUICE_POLICY_CONFLICT.
 */
export type OnConflict = 'keep' | 'replace' | 'fail';

/** What an update did. `before`: null where the queue had no policy. */
export type PolicyUpdate = { change: PolicyChange; before: Policy | null; after: Policy };

/** How many times an update starts over because somebody else changed the policy between our read and our write. */
const updateTries = 20;

/** What the apply script answered; `set` meets no conflict. */
type Written<M> = {
  change: PolicyChange | (M extends 'set' ? never : 'conflict');
  policy: Policy;
  inForce: Policy | null;
};

/** The paths at which two policies differ, as `rate.limit: 100 -> 50`. */
export function differences(from: unknown, to: unknown, path = ''): string[] {
  if (isObject(from) && isObject(to)) {
    const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    return names.flatMap((name) => differences(from[name], to[name], path === '' ? name : `${path}.${name}`));
  }
  const [before, after] = [JSON.stringify(from), JSON.stringify(to)];
  return before === after ? [] : [`${path}: ${before} -> ${after}`];
}

/** Where the named fields of a policy differ from the one in force, as `rate.limit: 100 -> 50`. Pure. */
export function conflicts(inForce: Policy, input: PolicyInput): string[] {
  const { named, others } = namedFields(input, inForce);
  return differences(others, named);
}

const replaced = (now: Policy | null, input: PolicyInput) => (now === null ? input : withNamed(now, input));

/** The policies of all queues: read and written here, obeyed by the workers. */
export class Policies {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #apply: BoundTo<typeof applyPolicyScript>;

  readonly #trail: Trail;
  readonly #warn: (warning: Warning) => void;

  constructor(redis: Redis, keys: Keys, trail: Trail, warn: (warning: Warning) => void) {
    this.#trail = trail;
    this.#warn = warn;
    this.#redis = redis;
    this.#keys = keys;
    this.#apply = bindScript(redis, keys, applyPolicyScript);
  }

  /**
   * The policy in force; null when the queue has none, and so is not served.
   * @throws SluiceError SLUICE_INVALID_POLICY when another version wrote something that this one does not know
   */
  async read(queue: string): Promise<Policy | null> {
    const [json, rateText] = await this.#redis.hmget(this.#keys.policy(queue), 'json', 'rateText');
    return json == null ? null : readStoredPolicy(queue, json, rateText);
  }

  /** Sets the policy, whatever there was. Every worker obeys it within 2 s. @throws SLUICE_INVALID_POLICY */
  async set(queue: string, input: PolicyInput): Promise<PolicyChange> {
    return (await this.#write(queue, input, 'set')).change;
  }

  /** Creates the policy if there is none. @throws SLUICE_POLICY_CONFLICT when there is another one */
  async create(queue: string, input: PolicyInput): Promise<PolicyChange> {
    return await this.ensure(queue, input, 'fail');
  }

  /**
   * Creates the policy where there is none. A queue that has one may differ from `input` in whatever `input` does not
   * name.
   * @param onConflict what to do when a named field differs
   * @throws SluiceError SLUICE_INVALID_POLICY; SLUICE_POLICY_CONFLICT with `fail`
   */
  async ensure(queue: string, input: PolicyInput, onConflict: OnConflict): Promise<PolicyChange> {
    const { change, inForce } = await this.#write(queue, input, 'create');
    if (change !== 'conflict') return change;
    // There is one: only an update meets a conflict without.
    const list = conflicts(inForce!, input);
    if (list.length === 0) return 'same';
    if (onConflict === 'replace') return (await this.update(queue, (now) => replaced(now, input))).change;
    const text = `queue "${queue}" has another policy than this program names (${list.join('; ')})`;
    if (onConflict === 'fail') {
      const cure = `leave the policy out to use the queue's, or change it for the whole fleet with: sluice queue set`;
      throw new SluiceError('SLUICE_POLICY_CONFLICT', `${text}; ${cure}`);
    }
    const message = `${text}; the queue's is used. To change it for the whole fleet: sluice queue set, or onConflict: 'replace'`;
    this.#warn({ code: 'SLUICE_POLICY_CONFLICT', message });
    return 'same';
  }

  /**
   * Sets the policy to one made from the policy in force. Of two updates at once, the second starts from the first's.
   * @param make called with the policy in force, null where there is none; maybe more than once
   * @throws SluiceError SLUICE_INVALID_POLICY; SLUICE_POLICY_CONFLICT when others keep changing it
   */
  async update(queue: string, make: (before: Policy | null) => PolicyInput): Promise<PolicyUpdate> {
    for (let tries = 0; tries < updateTries; tries++) {
      const fields = ['json', 'version', 'rateText'] as const;
      const [json, version, rateText] = await this.#redis.hmget(this.#keys.policy(queue), ...fields);
      const before = json == null ? null : readStoredPolicy(queue, json, rateText);
      const { change, policy } = await this.#write(queue, make(before), Number(version ?? 0));
      if (change !== 'conflict') return { change, before, after: policy };
    }
    const message = `queue "${queue}" keeps being changed by others; try again`;
    throw new SluiceError('SLUICE_POLICY_CONFLICT', message);
  }

  /** @param mode a number: the version that it replaces */
  async #write<M extends 'set' | 'create' | number>(
    queue: string,
    input: PolicyInput,
    mode: M,
  ): Promise<Written<M>> {
    validate(queueNameSchema, queue, 'SLUICE_INVALID_POLICY', `queue "${queue}"`);
    const policy = validate(policySchema, input, 'SLUICE_INVALID_POLICY', `policy of queue "${queue}"`);
    const { gate, ...pacing } = pacingOf(policy.rate);
    const { verdict, json } = await this.#apply([queue], {
      queue,
      json: storedPolicy(policy),
      max: gate.max,
      durationMs: gate.duration,
      ...pacing,
      rateText: policy.rate?.text ?? '',
      concurrency: policy.concurrency.global ?? '',
      maxBacklog: policy.maxBacklog ?? '',
      origin: policy.origin ?? '',
      mode,
      channel: this.#keys.events,
      message: encodeMessage({ type: 'policy', queue }),
      actor: this.#trail.actor,
    });
    if (verdict === 'created') this.#trail.log('policy.create', { queue });
    if (verdict === 'changed') this.#trail.log('policy.change', { queue });
    const change = verdict as Written<M>['change'];
    // The policy that was overwritten may be unreadable.
    const conflict = change === 'conflict' && json !== '';
    return { change, policy, inForce: conflict ? readStoredPolicy(queue, json) : null };
  }
}
