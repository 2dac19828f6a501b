import type { Redis } from 'ioredis';
import { type BullScripts, PerTurn, bindText, bullFunction } from '@sluice/redis';
import {
  type Keys,
  type TurnAnswer,
  type TurnAsk,
  type TurnPlace,
  readTurnAnswer,
  turnLua,
} from '@sluice/shared';

/** In one script: Redis does nothing else meanwhile, for about a millisecond. */
const most = { asks: 16, bytes: 1_048_576 };

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

/**
 * What the jobs of a process ask of Redis at their ends: all that end in one turn of the event loop, in one script. Of
 * what a job costs, commands are the most.
 */
export class Turn {
  readonly #run: ReturnType<typeof bindText>;
  readonly #route: string;
  readonly #together: PerTurn<Ask, Answered>;

  private constructor(redis: Redis, keys: Keys, lua: string) {
    this.#run = bindText(redis, lua);
    // All keys of a prefix are in one slot.
    this.#route = keys.queues;
    this.#together = new PerTurn({ redis, most, sizeOf, send: async (asks) => await this.#send(asks) });
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
    return await this.#together.ask(ask);
  }

  async #send(some: readonly Ask[]): Promise<Answered[]> {
    const places: TurnPlace[] = [];
    const values: Uint8Array[] = [];
    const asks = some.map((ask) => packed(ask, places, values));
    const sentAt = performance.now();
    const answers = await this.#run(
      [this.#route],
      [JSON.stringify({ places, asks }), ...(values as Buffer[])],
    );
    return (answers as unknown[]).map((answer) => ({ ...readTurnAnswer(answer), sentAt }));
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
