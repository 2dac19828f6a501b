import type { OutcomeKind } from '../../packages/shared/src/index.ts';
import type { JobKind } from './job-mix.ts';
import type { FaultKind } from './plan.ts';

/** What the processes of a chaos run write down, and its checker reads. All times are epoch ms of the one machine. */

/** One request, as the upstream saw it. */
export interface RequestRecord {
  /** The job it was made for. */
  job: string;
  t: number;
  /** What the upstream did, or meant to do: a step of the job's script. */
  step: string;
  /** `left`: the client closed the connection before it was answered. */
  end: 'answered' | 'reset' | 'left' | 'open';
  /** When it ended; of an open one, when the log was read. */
  tEnd: number;
  /** The wait that a 429 asked for, ms. */
  askedMs: number;
  idempotencyKey: string | null;
}

/** One line of a producer's log. It is written before what it tells can be acted on, so that a kill loses none. */
export type ProducerRecord =
  | {
      e: 'job';
      t: number;
      job: string;
      kind: JobKind;
      script: string;
      deadline: number | null;
      key: string | null;
    }
  /** Enqueued and awaited in one call: it must settle. */
  | { e: 'fetched'; t: number; job: string }
  /** The add resolved: Sluice answers for the job from now on. */
  | { e: 'accepted'; t: number; job: string; id: string }
  /** The add threw, so the job may or may not be there. */
  | { e: 'refused'; t: number; job: string; code: string }
  | { e: 'settled'; t: number; job: string; kind: OutcomeKind; status: number | null; attempts: number }
  /** Waiting threw something that is no outcome. */
  | { e: 'broken'; t: number; job: string; code: string };

/** One fault, as it was carried out. */
export interface FaultRecord {
  kind: FaultKind;
  /** Whom it hit: `worker 2`, `redis`, `producers`, `all`. */
  target: string;
  start: number;
  /** When it was healed; of a kill, its own moment. */
  end: number;
}

/** Everything that a run left behind. */
export interface RunRecords {
  rate: { limit: number; perMs: number };
  requests: RequestRecord[];
  producers: { name: string; killed: boolean; log: ProducerRecord[] }[];
  faults: FaultRecord[];
  /** Job id -> how often BullMQ said that it completed or failed. */
  ends: Map<string, number>;
  /** Ids of accepted jobs whose outcome is in Redis. */
  outcomes: Set<string>;
  /** Jobs that are in the queue at the end, in any state but completed and failed. */
  left: string[];
  /** What ended that nobody had told to end. */
  crashes: string[];
}
