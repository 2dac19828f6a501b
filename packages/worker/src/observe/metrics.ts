import { type Attributes, metrics } from '@opentelemetry/api';

/**
 * The worker's metrics, through the OpenTelemetry API: nothing is recorded unless main.ts (or the embedding process)
 * sets up an SDK. `queue` is an attribute of all.
 */
export type WorkerMetrics = ReturnType<typeof createMetrics>;

/** Counts in plain numbers and reports when asked, because the SDK hashes the attributes of every addition. */
function counter(name: string, description: string, attribute: string) {
  const counts = new Map<string, { attributes: Attributes; count: number }>();
  metrics
    .getMeter('sluice-worker')
    .createObservableCounter(name, { description })
    .addCallback((result) => {
      for (const { attributes, count } of counts.values()) result.observe(count, attributes);
    });
  return (queue: string, value: string) => {
    const key = `${queue}/${value}`;
    let entry = counts.get(key);
    if (entry === undefined)
      counts.set(key, (entry = { attributes: { queue, [attribute]: value }, count: 0 }));
    entry.count += 1;
  };
}

export function createMetrics() {
  return {
    /** From a permit's start to the request's first byte, ms. More than the rate's slack can break the window. */
    permitAge: metrics.getMeter('sluice-worker').createHistogram('sluice.permit.age', {
      unit: 'ms',
      description: 'Lateness of a request after its permit, at its first byte',
      advice: { explicitBucketBoundaries: [0.5, 1, 2, 5, 10, 15, 20, 30, 50, 100, 250, 1000] },
    }),
    /** Counts a run by its verdict: done, retry, give-up, give-back, … */
    run: counter('sluice.runs', 'Runs of jobs by verdict', 'verdict'),
    /** Counts a job that ended, by the kind of its outcome. */
    job: counter('sluice.jobs', 'Jobs that ended, by outcome', 'outcome'),
  };
}
