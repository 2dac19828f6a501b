import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { type BoundTo, bindScript } from '@sluice/redis';
import {
  type Keys,
  type Settled,
  SluiceError,
  type WatchReply,
  acknowledgeScript,
  decodeSettled,
  readsJoined,
  watchScript,
} from '@sluice/shared';
import { type Connections, failAfterMs } from '../connection/connections.ts';
import { bounded } from '../bounded.ts';
import { clientClosed } from '../closed.ts';
import { OutageWatch } from './outage-watch.ts';
import type { SettledJob } from '../reports.ts';
import { Reply, Waiter } from './reply.ts';

const readCount = 512;
const acknowledgeEveryMs = 200;
const closeMs = 1000;
/** While fewer jobs are awaited, each reply is read at once. */
const manyAwaited = 50;
const gatherMs = 5;
const retryMs = 100;
const watchTtlMs = 86_400_000;
/** How many outcomes are asked for at once after a reconnect. */
const recoverCount = 500;

type StreamReply = [key: Buffer, entries: [id: Buffer, fields: Buffer[]][]][];

const nothing = { waiters: [], last: '' };

const expired = (id: string) =>
  new SluiceError('SLUICE_RESULT_EXPIRED', `there is no job "${id}", or its outcome is no longer kept`);

/** Waits for the work, for at most `ms`. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const done = new AbortController();
  await Promise.race([work, sleep(ms, undefined, { signal: done.signal }).catch(() => {})]);
  done.abort();
}

/**
 * The outcomes that this process awaits. Workers append them to its reply stream; one blocking read delivers them.
 * After a reconnect the stream is read again from its start: nobody awaits what was delivered, so it is skipped.
 * Then everything still awaited is asked for: the stream, or a job, may be gone.
 */
export class Replies {
  /** This process' name on jobs: workers reply to it. */
  readonly name: string;
  readonly #stream: string;
  readonly #commands: Redis;
  readonly #reader: Redis;
  readonly #blockMs: number;
  readonly #watch: BoundTo<typeof watchScript>;
  readonly #acknowledged: BoundTo<typeof acknowledgeScript>;
  readonly #outages: OutageWatch | null;
  readonly #onSettled: (job: SettledJob) => void;
  readonly #waiters = new Map<string, Waiter>();
  #delivered: Waiter[] = [];
  /** What was delivered before that, up to this entry: it is acknowledged next. */
  #resting: { waiters: readonly Waiter[]; last: string } = nothing;
  #last = '0-0';
  #closed = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #recover = false;
  #suspects = new Set<Waiter>();

  /** @param reader a connection of its own: it blocks. `onSettled`: called with each outcome that was awaited */
  constructor(
    name: string,
    keys: Keys,
    connections: Connections,
    reader: Redis,
    onSettled: (job: SettledJob) => void = () => {},
  ) {
    this.#onSettled = onSettled;
    const { commands, whenDown, blockMs } = connections;
    this.name = name + readsJoined;
    this.#stream = keys.replies(this.name);
    this.#commands = commands;
    this.#reader = reader;
    this.#blockMs = blockMs;
    this.#watch = bindScript(commands, keys, watchScript);
    this.#acknowledged = bindScript(commands, keys, acknowledgeScript);
    this.#outages =
      whenDown === 'wait' ? null : new OutageWatch(commands, failAfterMs, (error) => this.#giveUp(error));
    reader.on('ready', () => {
      // A new primary whose clock is behind may give smaller ids than the last one that was read.
      this.#last = '0-0';
      this.#recover = true;
    });
  }

  /** Jobs whose outcome is awaited. */
  get pending(): number {
    return this.#waiters.size;
  }

  /** The reply to a job that is about to be added; to be disposed of when that is done. @throws SluiceError SLUICE_CLOSED */
  expect(queue: string, id: string): Reply {
    return new Reply(this.#waiter(queue, id), this);
  }

  /** The outcome of a job that any process may have added. @param signal ends the wait: nothing is kept for it here */
  async watch(queue: string, id: string, signal?: AbortSignal): Promise<Settled> {
    const waiter = this.#waiter(queue, id);
    const awaited = waiter.users > 0;
    waiter.users += 1;
    waiter.asked = true;
    try {
      const { verdict, end } = await this.#ask(waiter);
      waiter.accepted = true;
      // Only a marker is kept, and this process awaits the job already: the reply is on its way.
      if (verdict === 'ended' && !(end === null && awaited)) this.#deliver(queue, id, end);
      if (verdict === 'unknown') this.#deliver(queue, id, null);
    } catch (error) {
      // Others may await it, and get its reply.
      this.leave(waiter);
      throw error;
    }
    if (signal === undefined) return await waiter.promise;
    const stop = () => this.leave(waiter);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    try {
      return await bounded(waiter.promise, { signal }, 'stopped waiting for the outcome; the job goes on');
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** One call fewer awaits a job. */
  leave(waiter: Waiter): void {
    waiter.users -= 1;
    if (waiter.users === 0) this.#forget(waiter);
  }

  #waiter(queue: string, id: string): Waiter {
    if (this.#closed) throw clientClosed();
    const key = `${queue}/${id}`;
    let waiter = this.#waiters.get(key);
    if (waiter === undefined) {
      this.#waiters.set(key, (waiter = new Waiter(queue, id)));
      this.#running ??= this.#read();
      void this.#outages?.watch(() => this.#waiters.size > 0);
    }
    return waiter;
  }

  /** Asks whether the job has ended, and, if not, for a reply when it does. */
  async #ask({ queue, id, asked }: Waiter): Promise<WatchReply> {
    // The process that added the job gets its reply in any case.
    return await this.#watch([queue, id], { producer: asked ? this.name : '', ttlMs: watchTtlMs });
  }

  #forget(waiter: Waiter): void {
    const key = `${waiter.queue}/${waiter.id}`;
    if (this.#waiters.get(key) === waiter) this.#waiters.delete(key);
  }

  /** @param settled null: there is no such job, or its outcome is no longer kept */
  #deliver(queue: string, id: string, settled: Settled | null): Waiter | undefined {
    const waiter = this.#waiters.get(`${queue}/${id}`);
    this.#waiters.delete(`${queue}/${id}`);
    if (settled === null) waiter?.reject(expired(id));
    else if (waiter !== undefined) {
      waiter.resolve(settled);
      this.#onSettled({ id, queue, outcome: settled.outcome });
    }
    return waiter;
  }

  async #read(): Promise<void> {
    while (!this.#closed) {
      const reply: StreamReply | null = await this.#reader
        .xreadBuffer('COUNT', readCount, 'BLOCK', this.#blockMs, 'STREAMS', this.#stream, this.#last)
        // An immediate error (a user who may not read) must not keep the process busy.
        .catch(() => sleep(retryMs, null));
      const entries = reply?.[0]?.[1] ?? [];
      for (const [entryId, fields] of entries) {
        this.#last = entryId.toString();
        // `id, …, settled, …`, once or for each job that ended in one turn of a worker.
        for (let at = 0; at < fields.length; at += 4) {
          const key = fields[at + 1]!.toString();
          const slash = key.indexOf('/');
          const waiter = this.#deliver(
            key.slice(0, slash),
            key.slice(slash + 1),
            decodeSettled(fields[at + 3]!),
          );
          if (waiter !== undefined) this.#delivered.push(waiter);
        }
      }
      if (entries.length > 0) {
        this.#timer ??= setTimeout(() => void this.#acknowledge(), acknowledgeEveryMs);
        // While many are awaited, they are read together: that costs less than one by one.
        if (this.#waiters.size >= manyAwaited) await sleep(gatherMs);
      }
      // Everything in the stream has been read: it will not bring what is settled and still awaited.
      else if (this.#recover && !this.#closed) await this.#recoverMissed();
    }
  }

  /**
   * Asks for everything that is awaited. If Redis came back without its last writes, the stream may be gone, or the
   * request for a reply, or the job itself.
   */
  async #recoverMissed(): Promise<void> {
    this.#recover = false;
    const suspects = this.#suspects;
    this.#suspects = new Set();
    const waiting = [...this.#waiters.values()].filter(({ accepted }) => accepted);
    try {
      for (let start = 0; start < waiting.length; start += recoverCount) {
        const some = waiting.slice(start, start + recoverCount);
        await Promise.all(some.map((waiter) => this.#recoverOne(waiter, suspects.has(waiter))));
      }
    } catch {
      // Redis is gone again.
      this.#recover = true;
    }
    if (this.#suspects.size > 0) this.#recover = true;
  }

  /** A marker says that the outcome went out as a reply. It may have come since the last read, so we read once more. */
  async #recoverOne(waiter: Waiter, isSuspect: boolean): Promise<void> {
    const { verdict, end } = await this.#ask(waiter);
    if (verdict === 'watching') return;
    if (verdict === 'ended' && end === null && !isSuspect) this.#suspects.add(waiter);
    else this.#deliver(waiter.queue, waiter.id, end);
  }

  /** Redis does not answer, and the caller does not want to wait for it. */
  #giveUp(cause: Error): void {
    const message = `${cause.message}; the job goes on, and its outcome can be asked for again`;
    for (const waiter of [...this.#waiters.values()].filter(({ accepted }) => accepted)) {
      this.#forget(waiter);
      waiter.reject(new SluiceError('SLUICE_REDIS_UNREACHABLE', message, { cause }));
    }
  }

  /**
   * Late and in bulk: by then the worker has removed the finished job, so that its marker can go as well. What came
   * just now waits until the next time, or its marker would stay for its TTL.
   */
  async #acknowledge(): Promise<void> {
    const { waiters, last } = this.#resting;
    const isAll = last === this.#last;
    this.#resting = isAll ? nothing : { waiters: this.#delivered, last: this.#last };
    this.#delivered = [];
    this.#timer = isAll ? undefined : setTimeout(() => void this.#acknowledge(), acknowledgeEveryMs);
    if (last === '') return;
    // The stream has a TTL, so what could not be acknowledged expires by itself.
    const received = waiters.map(({ isReceived }) => (isReceived ? '1' : '0')).join('');
    await this.#acknowledged([this.name, waiters], { last, received }).catch(() => {});
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    const error = new SluiceError(
      'SLUICE_CLOSED',
      'the client was closed before the outcome arrived; the job goes on',
    );
    for (const waiter of this.#waiters.values()) waiter.reject(error);
    this.#waiters.clear();
    this.#reader.disconnect();
    // Closing does not wait for a server that is gone: what is left there expires. (ioredis forgets a
    // blocking read that was under way when the connection was lost, so its promise may never settle.)
    await within(closeMs, this.#running ?? Promise.resolve());
    if (this.#commands.status === 'ready') await within(closeMs, this.#clear());
  }

  async #clear(): Promise<void> {
    // First what rests, then what came last.
    for (let n = 0; n < 2; n++) await this.#acknowledge();
    clearTimeout(this.#timer);
    await this.#commands.unlink(this.#stream).catch(() => {});
  }
}
