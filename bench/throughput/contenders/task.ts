/** The settings of every process of a contender, as JSON in its first argument. */
export type Setting = {
  redisUrl: string;
  /** Without a slash at the end. */
  upstreamUrl: string;
  queue: string;
  /** Queues that the jobs are spread over, where the contender can; then `queue` begins their names. Default: one. */
  queues?: number;
  /** Requests in flight in one worker process. */
  concurrency: number;
  /** Jobs enqueued and not yet ended, at most, where the contender bounds them. */
  inFlight: number;
};

/** The body of every response, bytes. */
export const bodyBytes = 1024;

export function readSetting(): Setting {
  return JSON.parse(process.argv[2] ?? '') as Setting;
}

/** The URLs of a run. */
export function* urls(upstreamUrl: string, jobs: number): Generator<string, void, undefined> {
  for (let n = 0; n < jobs; n++) yield `${upstreamUrl}/item/${n}`;
}

/** Only complete responses count. @throws Error */
export function check(status: number, bytes: number): void {
  if (status !== 200 || bytes !== bodyBytes)
    throw new Error(`a response of status ${status}, ${bytes} bytes`);
}
