import type { Redis } from 'ioredis';
import { type Keys, type Settled, SluiceError, acknowledgeScript, decodeSettled } from '@sluice/shared';

const blockMs = 5000;
const readCount = 512;
const acknowledgeEveryMs = 200;

type Waiter = {
  queue: string;
  id: string;
  resolve: (settled: Settled) => void;
  reject: (error: Error) => void;
};

type StreamReply = [key: Buffer, entries: [id: Buffer, fields: Buffer[]][]][];

/**
 * The outcomes that this process awaits. Workers append them to its reply stream; one blocking read delivers them.
 * After a reconnect the read goes on from the last entry delivered, so nothing is missed in between.
 */
export class Replies {
  /** This process' name on jobs: workers reply to it. */
  readonly name: string;
  readonly #keys: Keys;
  readonly #stream: string;
  readonly #commands: Redis;
  readonly #reader: Redis;
  readonly #waiters = new Map<string, Waiter>();
  #delivered: Waiter[] = [];
  #last = '0-0';
  #closed = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param reader a connection of its own: it blocks */
  constructor(name: string, keys: Keys, commands: Redis, reader: Redis) {
    this.name = name;
    this.#keys = keys;
    this.#stream = keys.replies(name);
    this.#commands = commands;
    this.#reader = reader;
  }

  /** Jobs whose outcome is awaited. */
  get pending(): number {
    return this.#waiters.size;
  }

  /** Must be called before the job is added, or its reply could come first. */
  expect(queue: string, id: string): Promise<Settled> {
    if (this.#closed) throw new SluiceError('SLUICE_CLOSED', 'the client is closed; connect again');
    const { promise, resolve, reject } = Promise.withResolvers<Settled>();
    this.#waiters.set(`${queue}/${id}`, { queue, id, resolve, reject });
    this.#running ??= this.#read();
    return promise;
  }

  /** Delivers an outcome that came by another way; false when nobody awaits it any more. */
  deliver(queue: string, id: string, settled: Settled): boolean {
    const key = `${queue}/${id}`;
    const waiter = this.#waiters.get(key);
    if (waiter === undefined) return false;
    this.#waiters.delete(key);
    waiter.resolve(settled);
    return true;
  }

  /** Stops awaiting a job whose add failed. */
  forget(queue: string, id: string): void {
    this.#waiters.delete(`${queue}/${id}`);
  }

  async #read(): Promise<void> {
    while (!this.#closed) {
      const reply: StreamReply | null = await this.#reader
        .xreadBuffer('COUNT', readCount, 'BLOCK', blockMs, 'STREAMS', this.#stream, this.#last)
        .catch(() => null);
      for (const [entryId, fields] of reply?.[0]?.[1] ?? []) {
        this.#last = entryId.toString();
        this.#take(fields);
      }
    }
  }

  #take(fields: Buffer[]): void {
    const key = fields[1]!.toString();
    const waiter = this.#waiters.get(key);
    const settled = decodeSettled(fields[3]!);
    if (waiter === undefined || settled === null) return;
    this.#waiters.delete(key);
    this.#delivered.push(waiter);
    this.#timer ??= setTimeout(() => void this.#acknowledge(), acknowledgeEveryMs);
    waiter.resolve(settled);
  }

  /** Late and in bulk: by then the worker has removed the finished job, so that its marker can go as well. */
  async #acknowledge(): Promise<void> {
    this.#timer = undefined;
    const delivered = this.#delivered;
    this.#delivered = [];
    const keys = delivered.flatMap(({ queue, id }) => [
      this.#keys.outcome(queue, id),
      this.#keys.bull(queue).job(id),
    ]);
    await this.#commands
      .eval(acknowledgeScript.lua, 1 + keys.length, this.#stream, ...keys, this.#last)
      // The stream has a TTL, so what could not be acknowledged goes by itself.
      .catch(() => {});
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
    await this.#running;
    if (this.#delivered.length > 0) await this.#acknowledge();
    await this.#commands.unlink(this.#stream).catch(() => {});
  }
}
