import type { Redis } from 'ioredis';
import { type BullScripts, bindText, bullFunction, writeNow } from '@sluice/redis';
import {
  type Keys,
  type TurnAnswer,
  type TurnAsk,
  type TurnPlace,
  readTurnAnswer,
  turnLua,
} from '@sluice/shared';

/** Jobs of one script. Redis does nothing else meanwhile: for about a millisecond. */
const mostJobs = 16;

/** The same for what they bring along, bytes. */
const mostBytes = 1_048_576;

/** An argument of a script. */
export type AskValue = string | number | boolean | Uint8Array | null | undefined;

/** What one job asks for, before it has its place in a script. */
export type Ask = {
  place: TurnPlace;
  args: readonly AskValue[];
  end?: Omit<NonNullable<TurnAsk['end']>, 'settle' | 'settleBytes'> & { settle: readonly AskValue[] };
};

/** What became of it. `sentAt`: performance.now() before the script was sent. */
export type Answered = TurnAnswer & { sentAt: number };

type Waiting = { ask: Ask; resolve: (answer: Answered) => void; reject: (error: unknown) => void };

/**
 * What the jobs of a process ask of Redis at their ends: all that end in one turn of the event loop, in one script. Of
 * what a job costs, commands are the most.
 */
export class Turn {
  readonly #redis: Redis;
  readonly #run: ReturnType<typeof bindText>;
  readonly #route: string;
  #waiting: Waiting[] = [];

  private constructor(redis: Redis, keys: Keys, lua: string) {
    this.#redis = redis;
    this.#run = bindText(redis, lua);
    // All keys of a prefix are in one slot.
    this.#route = keys.queues;
  }

  /** Null: this version of BullMQ is not known. Each job then makes its own calls. */
  static open(redis: Redis, keys: Keys, { scripts }: BullScripts): Turn | null {
    const moveToFinished = bullFunction(scripts['moveToFinished']);
    const moveToActive = bullFunction(scripts['moveToActive']);
    if (moveToFinished === null || moveToActive === null) return null;
    return new Turn(redis, keys, turnLua({ moveToFinished, moveToActive }));
  }

  /** @throws what Redis answers to the script as a whole; what happens to one job is in its answer */
  async ask(ask: Ask): Promise<Answered> {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push({ ask, resolve, reject });
    return await promise;
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    let some: Waiting[] = [];
    let bytes = 0;
    for (const one of waiting) {
      const size = sizeOf(one.ask);
      if (some.length === mostJobs || (some.length > 0 && bytes + size > mostBytes)) {
        void this.#send(some);
        some = [];
        bytes = 0;
      }
      some.push(one);
      bytes += size;
    }
    void this.#send(some);
    writeNow(this.#redis);
  }

  async #send(some: readonly Waiting[]): Promise<void> {
    const places: TurnPlace[] = [];
    const values: Uint8Array[] = [];
    const asks = some.map(({ ask }) => packed(ask, places, values));
    const sentAt = performance.now();
    try {
      const answers = await this.#run(
        [this.#route],
        [JSON.stringify({ places, asks }), ...(values as Buffer[])],
      );
      for (const [index, { resolve }] of some.entries())
        resolve({ ...readTurnAnswer((answers as unknown[])[index]), sentAt });
    } catch (error) {
      for (const { reject } of some) reject(error);
    }
  }
}

/** Without the overhead: the bodies are what can be large. */
function sizeOf({ args, end }: Ask): number {
  let bytes = 0;
  for (const value of [...args, ...(end?.settle ?? [])])
    if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length;
  return bytes;
}

function packed({ place, args, end }: Ask, places: TurnPlace[], values: Uint8Array[]): TurnAsk {
  let at = places.indexOf(place) + 1;
  if (at === 0) at = places.push(place);
  const own = texts(args, values);
  if (end === undefined) return { place: at, args: own.texts, bytes: own.bytes };
  const { texts: settle, bytes: settleBytes } = texts(end.settle, values);
  return { place: at, args: own.texts, bytes: own.bytes, end: { ...end, settle, settleBytes } };
}

/** As Redis would pass them to a script: texts. Bytes are not JSON, and go beside it. */
function texts(
  args: readonly AskValue[],
  values: Uint8Array[],
): { texts: string[]; bytes: Record<string, number> } {
  const bytes: Record<string, number> = {};
  const all = args.map((value, index) => {
    let raw = value;
    if (!(raw instanceof Uint8Array)) {
      const text = String(raw ?? '');
      // Half a character is no JSON to Redis.
      if (text.isWellFormed()) return text;
      raw = Buffer.from(text);
    }
    // The first argument of the script is the JSON.
    bytes[index + 1] = values.push(raw) + 1;
    return '';
  });
  return { texts: all, bytes };
}
