import { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { type BullScripts, PerTurn, bindText, bullFunction } from '@sluice/redis';
import {
  type Added,
  type AddsAsk,
  type AddsPlace,
  type Keys,
  addArguments,
  addsLua,
  addsPlace,
  readAdded,
} from '@sluice/shared';
import type { AddPlace } from './add-once.ts';
import type { BullJob } from './to-job.ts';

/** In one script: Redis does nothing else meanwhile, for about a millisecond. */
const most = { asks: 32, bytes: 1_048_576 };

/** BullMQ's own keys for its script, before its arguments. */
const bullKeys = 9;

type Value = string | Buffer;

/** A job as BullMQ's script wants it, with our deadline. */
type Ask = { place: AddsPlace; id: string; deadline: number | undefined; values: Value[] };

/** What a producer adds: all jobs of one turn of the event loop in one script, with their deadlines. */
export class Adds {
  readonly #keys: Keys;
  readonly #run: ReturnType<typeof bindText>;
  readonly #together: PerTurn<Ask, Added>;
  #places = new Map<string, AddsPlace>();

  private constructor(redis: Redis, keys: Keys, lua: string) {
    this.#keys = keys;
    this.#run = bindText(redis, lua);
    this.#together = new PerTurn({ redis, most, sizeOf, send: async (asks) => await this.#send(asks) });
  }

  /** Null: this version of BullMQ is not known. Each job is then added by itself. */
  static open(redis: Redis, keys: Keys, { scripts }: BullScripts): Adds | null {
    const addStandardJob = bullFunction(scripts['addStandardJob']);
    return addStandardJob === null ? null : new Adds(redis, keys, addsLua(addStandardJob));
  }

  /**
   * @param deadline of the job, epoch ms
   * @returns null: BullMQ adds such a job with another script
   * @throws what Redis answers to this job, or to the script as a whole
   */
  async add(
    { queue, name }: Pick<AddPlace, 'queue' | 'name'>,
    job: BullJob,
    deadline: number | undefined,
  ): Promise<Exclude<Added, object> | null> {
    const id = job.opts.jobId!;
    const args = await standardArguments(queue, job, id);
    if (args === null) return null;
    const place = this.#place(name, args);
    const added = await this.#together.ask({ place, id, deadline, values: args.slice(bullKeys) });
    if (typeof added === 'object') throw new Error(added.refused);
    return added;
  }

  #place(queue: string, args: readonly Value[]): AddsPlace {
    let place = this.#places.get(queue);
    if (place === undefined) {
      place = addsPlace(this.#keys, queue, args.slice(0, bullKeys).map(String));
      // Each is made again at no cost worth a list of what was used last.
      if (this.#places.size >= mostPlaces) this.#places.clear();
      this.#places.set(queue, place);
    }
    return place;
  }

  async #send(some: readonly Ask[]): Promise<Added[]> {
    const places = new Map<string, AddsPlace & { at: number }>();
    const asks: AddsAsk[] = [];
    const values: Value[] = [];
    for (const { place, id, deadline, values: own } of some) {
      let known = places.get(place.queue);
      if (known === undefined) places.set(place.queue, (known = { ...place, at: places.size + 1 }));
      values.push(...own);
      if (deadline === undefined) asks.push({ place: known.at, id });
      else {
        asks.push({ place: known.at, id, deadline: String(deadline) });
        if (known.deadline === undefined || deadline < Number(known.deadline))
          known.deadline = String(deadline);
      }
    }
    const turn = JSON.stringify({ places: [...places.values()], asks });
    const answers = await this.#run([this.#keys.due], [turn, ...values]);
    return (answers as unknown[]).map(readAdded);
  }
}

/** Queues whose keys a client remembers. */
const mostPlaces = 100;

/** Without the overhead: the bodies are what can be large. */
function sizeOf({ values }: Ask): number {
  let bytes = 0;
  for (const value of values) bytes += value.length;
  return bytes;
}

/** The keys and arguments that BullMQ gives to its script `addStandardJob`; null: it takes another one for this job. */
async function standardArguments(
  queue: AddPlace['queue'],
  { name, data, opts }: BullJob,
  id: string,
): Promise<Value[] | null> {
  let found: Value[] | null = null;
  const recorder = {
    runCommand: (command: string, args: Value[]) => {
      const isStandard = command.startsWith('addStandardJob:') && args.length === bullKeys + addArguments;
      if (isStandard) found = args;
      return id;
    },
  };
  const bull = new Job(queue, name, data, opts, id);
  await queue.backend.addJobToTransaction(recorder as never, bull.asJSON(), id);
  return found;
}
