import { setImmediate as nextTurn } from 'node:timers/promises';
import { type JobSpec, type RequestSpec, SluiceError } from '@sluice/shared';
import type { Handle } from './handle.ts';
import { JobError } from './job-error.ts';
import type { FetchResponse } from './response.ts';

/** What the failure of a group causes in its other jobs, and in a body that goes on. */
const broughtAbout = new Set<string>(['SLUICE_CANCELLED', 'SLUICE_GROUP_ENDED']);

type Add = (spec: JobSpec) => Promise<Handle>;

/**
 * Jobs that succeed or fail together, as in asyncio's TaskGroup. Made by `sluice.group`.
 * If one fails, the others are cancelled wherever they are: those that wait never start, those that run are aborted.
 */
export class Group {
  readonly #add: Add;
  readonly #running = new Set<Promise<unknown>>();
  readonly #handles = new Set<Handle>();
  readonly #failures: unknown[] = [];
  #closed = false;

  constructor(add: Add) {
    this.#add = add;
  }

  /**
   * Enqueues and awaits inside the group. Its failure is the group's, awaited or not.
   * @throws SluiceError SLUICE_GROUP_ENDED
   */
  fetch(url: string | URL, init: RequestSpec = {}): Promise<FetchResponse> {
    if (this.#closed || this.#failures.length > 0) {
      const why = this.#closed ? 'the group has ended' : 'a job of the group failed';
      const refused = Promise.reject(new SluiceError('SLUICE_GROUP_ENDED', `${why}; it takes no more jobs`));
      // A group that failed says why, whether this is awaited or not. One that has ended says nothing more.
      if (!this.#closed) refused.catch(() => {});
      return refused;
    }
    const result = this.#run({ ...init, url }).finally(() => this.#running.delete(result));
    result.catch(() => {}); // the group reports it, even if nobody awaits it here
    this.#running.add(result);
    return result;
  }

  async #run(spec: JobSpec): Promise<FetchResponse> {
    let handle: Handle | undefined;
    try {
      handle = await this.#add(spec);
      this.#handles.add(handle);
      // The group may have failed while this one was being added.
      if (this.#failures.length > 0) await handle.cancel();
      return await handle.result();
    } catch (error) {
      this.fail(error);
      throw error;
    } finally {
      if (handle !== undefined) this.#handles.delete(handle);
    }
  }

  /** Notes a failure of a job or of the body. One that the cancelling itself causes does not count. */
  fail(error: unknown): void {
    const first = this.#failures.length === 0;
    if (!first && error instanceof SluiceError && broughtAbout.has(error.code)) return;
    // The body rethrows what its own `await g.fetch()` threw.
    if (!this.#failures.includes(error)) this.#failures.push(error);
    if (first) void this.#cancelAll();
  }

  async #cancelAll(): Promise<void> {
    await Promise.allSettled([...this.#handles].map((handle) => handle.cancel()));
  }

  /** Waits for all jobs, including those that are added when a job ends. @throws AggregateError with every failure */
  async end(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.allSettled(this.#running);
      await nextTurn();
    }
    this.#closed = true;
    if (this.#failures.length === 0) return;
    const first = this.#failures[0];
    const text = first instanceof JobError || first instanceof Error ? first.message : String(first);
    throw new AggregateError(this.#failures, `${this.#failures.length} of the group's jobs failed: ${text}`);
  }
}

/** Runs a body with a group, and waits for its jobs. @throws AggregateError when one failed, or the body threw */
export async function runGroup<T>(add: Add, body: (group: Group) => Promise<T>): Promise<T> {
  const group = new Group(add);
  let result: { value: T } | undefined;
  try {
    result = { value: await body(group) };
  } catch (error) {
    group.fail(error);
  }
  await group.end();
  // If there is no value, the body threw, and so did end().
  return result!.value;
}
