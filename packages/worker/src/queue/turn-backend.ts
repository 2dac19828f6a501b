import { type BackendFactory, type Job, RedisQueueBackend, createRedisBackend } from 'bullmq';
import { isScriptFault } from '@sluice/redis';
import {
  type Committed,
  type Keys,
  type TurnPlace,
  finishedJobKey,
  settlePart,
  turnPlace,
} from '@sluice/shared';
import type { Finish } from '../pipeline/settle.ts';
import type { Answered, AskValue, Turn } from './turn.ts';

/** What BullMQ's backend answers when a job has ended. */
type Moved = Awaited<ReturnType<RedisQueueBackend['moveToCompleted']>>;

/** The parts of BullMQ's backend that its interface does not show. */
type Insides = {
  execCommand: (client: unknown, name: string, args: AskValue[]) => Promise<unknown>;
  moveToFinished: (id: string, args: AskValue[]) => Promise<Moved['result']>;
  moveToCompletedArgs: (...args: Parameters<RedisQueueBackend['moveToCompleted']>) => AskValue[];
  moveToFailedArgs: (...args: Parameters<RedisQueueBackend['moveToFailed']>) => AskValue[];
};

/** Whether this BullMQ has them. */
export function hasInsides(): boolean {
  const { prototype } = RedisQueueBackend as unknown as { prototype: Record<keyof Insides, unknown> };
  const names = ['execCommand', 'moveToFinished', 'moveToCompletedArgs', 'moveToFailedArgs'] as const;
  return names.every((name) => typeof prototype[name] === 'function');
}

/** Keys that BullMQ gives to its scripts, before the arguments. */
const keysOfScript = { moveToActive: 11, moveToFinished: 14 } as const;

/** Among the arguments of `moveToFinished`. */
const argument = { id: 0, timestamp: 1, target: 4 } as const;

/** An end that is under way. */
type Ending = {
  call: Parameters<Finish>[0];
  token: string;
  committed: Committed | null;
};

type FinishOptions = {
  bull: Job;
  token: string;
  /** Whether another job is to be taken in the same step. */
  fetchNext: boolean;
  /** What the hash of a failed job keeps besides. */
  fields: Record<string, string>;
};

/**
 * BullMQ's backend of one queue, whose calls at the end of a job go through the turn of the process: taking a job, and
 * ending one together with its outcome.
 *
 * BullMQ asks for the end of a job when its run is over. By then it has ended, so that all that stands guard over a
 * run does so until Redis has answered: its lock is renewed, a drain waits for it, a lost lock ends it.
 */
export class TurnBackend {
  readonly #turn: Turn;
  readonly #lockMs: number;
  readonly #place: TurnPlace;
  readonly #endings = new WeakMap<AskValue[], Ending>();
  /** Jobs that have ended, by id and token, until BullMQ asks. */
  readonly #ended = new Map<string, { moved: Moved } | { error: unknown }>();
  /** Jobs that were taken together with their permits, until they run -> performance.now() before they were asked for. */
  readonly #free = new Map<string, number>();
  #backend: Insides | null = null;

  constructor(turn: Turn, keys: Keys, queue: string, lockMs: number) {
    this.#turn = turn;
    this.#lockMs = lockMs;
    this.#place = turnPlace(keys, queue);
  }

  /** For the one worker of the queue. */
  readonly factory: BackendFactory<RedisQueueBackend> = (...parameters) => {
    const backend = createRedisBackend(...parameters);
    const inside = backend as unknown as Insides;
    this.#backend = inside;
    const execute = inside.execCommand.bind(backend);
    inside.execCommand = async (client, name, args) => {
      const ending = this.#endings.get(args);
      if (ending !== undefined) return await this.#end(args, ending);
      return name === 'moveToActive'
        ? await this.#take(args, () => execute(client, name, args))
        : await execute(client, name, args);
    };
    const moveToCompleted = backend.moveToCompleted.bind(backend);
    const moveToFailed = backend.moveToFailed.bind(backend);
    backend.moveToCompleted = async (...args) =>
      this.#endedBefore(args[0].id, args[3]) ?? (await moveToCompleted(...args));
    backend.moveToFailed = async (...args) =>
      this.#endedBefore(args[0].id, args[3]) ?? (await moveToFailed(...args));
    return backend;
  };

  /** Takes the permit that came along with a job. @returns performance.now() at which it was not granted yet */
  freeSince(id: string): number | undefined {
    const since = this.#free.get(id);
    this.#free.delete(id);
    return since;
  }

  /** The jobs whose permits came along, and that never ran. */
  left(): number {
    const jobs = this.#free.size;
    this.#free.clear();
    return jobs;
  }

  /** Ends a job as `Finish` says. */
  async finish(
    options: FinishOptions,
    ...[call, value, failure]: Parameters<Finish>
  ): Promise<Committed | null> {
    const { bull, token, fetchNext, fields } = options;
    const backend = this.#backend;
    if (backend === null) throw new Error('a job ends before its queue is served');
    const { opts, stacktrace } = bull;
    const args =
      failure === null
        ? backend.moveToCompletedArgs(bull, JSON.stringify(value), opts.removeOnComplete!, token, fetchNext)
        : backend.moveToFailedArgs(bull, failure.message, opts.removeOnFail!, token, fetchNext, {
            failedReason: failure.message,
            stacktrace: JSON.stringify([...(stacktrace ?? []), failure.stack]),
            ...fields,
          });
    const ending: Ending = { call, token, committed: null };
    this.#endings.set(args, ending);
    try {
      const result = await backend.moveToFinished(bull.id!, args);
      const finishedOn = args[keysOfScript.moveToFinished + argument.timestamp] as number;
      if (ending.committed === 'committed')
        this.#ended.set(`${bull.id!} ${token}`, { moved: { result, finishedOn } });
    } catch (error) {
      // BullMQ meets it when it asks, as if it had ended the job itself.
      if (ending.committed === 'committed') this.#ended.set(`${bull.id!} ${token}`, { error });
      else if (error instanceof WholeScript && isScriptFault(error.cause)) return null;
      else throw error instanceof WholeScript ? error.cause : error;
    }
    return ending.committed;
  }

  #endedBefore(id: string | undefined, token: string): Moved | undefined {
    const key = `${id} ${token}`;
    const ended = this.#ended.get(key);
    this.#ended.delete(key);
    if (ended !== undefined && 'error' in ended) throw ended.error;
    return ended?.moved;
  }

  async #end(all: AskValue[], ending: Ending): Promise<unknown> {
    const keys = all.slice(0, keysOfScript.moveToFinished) as string[];
    const args = all.slice(keysOfScript.moveToFinished);
    const target = String(args[argument.target]);
    const { call, token } = ending;
    const [, , batch = ''] = call.place;
    this.#place.finish[target] ??= keys.with(finishedJobKey, this.#place.job);
    const answered = await this.#ask({
      place: this.#place,
      args,
      end: {
        id: String(args[argument.id]),
        token,
        lockMs: String(this.#lockMs),
        target,
        batch,
        settle: settlePart.args.map((name) => call.args[name]),
      },
    });
    if (answered.fault !== undefined) throw replyError(answered.fault);
    ending.committed = answered.committed ?? null;
    // What BullMQ is told of an end that it has no part in is not looked at.
    if (ending.committed !== 'committed') return 0;
    return this.#answerOf(answered);
  }

  async #take(all: AskValue[], alone: () => Promise<unknown>): Promise<unknown> {
    const keys = all.slice(0, keysOfScript.moveToActive) as string[];
    if (this.#place.take.length === 0) this.#place.take = keys;
    try {
      return this.#answerOf(await this.#ask({ place: this.#place, args: all.slice(keys.length) }));
    } catch (error) {
      if (!(error instanceof WholeScript)) throw error;
      if (isScriptFault(error.cause)) return await alone();
      throw error.cause;
    }
  }

  async #ask(ask: Parameters<Turn['ask']>[0]): Promise<Answered> {
    try {
      return await this.#turn.ask(ask);
    } catch (error) {
      throw new WholeScript(error);
    }
  }

  /** The answer of BullMQ's script, as it would give it itself. */
  #answerOf({ failed, answer, isFree, sentAt }: Answered): unknown {
    if (failed !== undefined) throw replyError(failed);
    if (isFree) this.#free.set(String((answer as unknown[])[1]), sentAt);
    return answer;
  }
}

/** The script as a whole was not run, or failed: no job knows what became of it. */
class WholeScript extends Error {
  constructor(cause: unknown) {
    super('a turn failed', { cause });
  }
}

/** As ioredis throws what Redis answers. */
function replyError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}
