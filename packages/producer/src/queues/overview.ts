import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import { type Keys, type Policy, type QueueGlance, overviewScript, readStoredPolicy } from '@sluice/shared';

/** The figures of one queue at one moment. Times in epoch ms of Redis' clock. */
export type QueueFigures = Omit<QueueGlance, 'version' | 'policyJson' | 'rateText'> & {
  name: string;
  /** null: this version cannot read it. */
  policy: Policy | null;
};

/** The figures of all queues. `at`: epoch ms of Redis' clock. */
export type OverviewLook = { at: number; queues: QueueFigures[] };

/** How many queues one script reads. */
const queuesAtOnce = 100;

/** The clocks of workers may differ by this: a job that fails now may be written down as failed a little earlier, ms. */
const clockMs = 10_000;

type Known = { version: string; policy: Policy | null };

function policyOf(name: string, json: string, rateText: string | null): Policy | null {
  try {
    return readStoredPolicy(name, json, rateText);
  } catch {
    return null;
  }
}

/**
 * Looks at all queues again and again: one script per hundred queues a look, one after another, so that others have
 * their turns in between. Policies come only when they have changed, failures only when they are new. Between two
 * looks nothing is asked, and there is nothing to close. Made by `queues.overview`.
 */
export class Overview {
  readonly #look: BoundTo<typeof overviewScript>;
  readonly #known = new Map<string, Known>();
  #names: string[] = [];
  #since = 0;

  constructor(redis: Redis, keys: Keys) {
    this.#look = bindScript(redis, keys, overviewScript);
  }

  /**
   * The figures of all queues, by name. A queue that was created since the last look is in the next one; the first
   * look has all. `failures` has the newest since the last look, and some of those before it again.
   */
  async look(): Promise<OverviewLook> {
    // The first one asks for the names alone.
    if (this.#names.length === 0) this.#names = (await this.#ask([], true)).names.toSorted();
    const names = this.#names;
    const queues: QueueFigures[] = [];
    let at = 0;
    for (let start = 0; start < Math.max(1, names.length); start += queuesAtOnce) {
      const some = names.slice(start, start + queuesAtOnce);
      const reply = await this.#ask(some, start === 0);
      at = reply.at;
      if (start === 0) this.#names = reply.names.toSorted();
      for (const [index, name] of some.entries()) {
        const { version, policyJson, rateText, ...figures } = reply.queues[index]!;
        if (policyJson !== null) {
          this.#known.set(name, { version, policy: policyOf(name, policyJson, rateText) });
        }
        // It was removed.
        if (version === '') this.#known.delete(name);
        else queues.push({ name, policy: this.#known.get(name)?.policy ?? null, ...figures });
      }
    }
    for (const { failures } of queues) {
      for (const failure of failures) this.#since = Math.max(this.#since, failure.at - clockMs);
    }
    return { at, queues };
  }

  async #ask(names: readonly string[], list: boolean) {
    const known = names.map((name) => `${this.#known.get(name)?.version ?? ''},`).join('');
    return await this.#look([names], { list: list ? 1 : 0, known, since: this.#since });
  }
}
