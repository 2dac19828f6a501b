import type { ProducerRecord, RequestRecord, RunRecords } from './records.ts';

type Settled = Extract<ProducerRecord, { e: 'settled' }>;
type Made = Extract<ProducerRecord, { e: 'job' }>;

/** All that is known of one job. */
export interface JobStory {
  job: string;
  kind: Made['kind'];
  script: string;
  deadline: number | null;
  /** The caller's idempotency key. */
  key: string | null;
  /** Its id, if the add resolved. */
  accepted: string | null;
  /** Somebody waits for its end: the add resolved, or it was fetched. */
  isAwaited: boolean;
  settled: Settled[];
  /** The code that waiting threw, if it did. */
  broken: string | null;
  /** Its producer was killed: nobody can hear of its end. */
  hasLostItsProducer: boolean;
  /** In the order of their arrival. */
  requests: RequestRecord[];
}

/** The logs of a run, sorted by jobs. */
export function storiesOf({ producers, requests }: RunRecords): Map<string, JobStory> {
  const stories = new Map<string, JobStory>();
  for (const { killed, log } of producers) {
    for (const record of log) {
      if (record.e === 'job') {
        const { job, kind, script, deadline, key } = record;
        const told = {
          accepted: null,
          isAwaited: false,
          settled: [],
          broken: null,
          hasLostItsProducer: killed,
          requests: [],
        };
        stories.set(job, { job, kind, script, deadline, key, ...told });
        continue;
      }
      const story = stories.get(record.job)!;
      if (record.e === 'accepted') story.accepted = record.id;
      if (record.e === 'accepted' || record.e === 'fetched') story.isAwaited = true;
      if (record.e === 'settled') story.settled.push(record);
      if (record.e === 'broken') story.broken = record.code;
    }
  }
  for (const request of requests) stories.get(request.job)?.requests.push(request);
  for (const { requests: own } of stories.values()) own.sort((a, b) => a.t - b.t);
  return stories;
}
