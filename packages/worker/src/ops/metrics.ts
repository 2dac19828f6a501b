import { metrics } from '@opentelemetry/api';

/**
 * The worker's metrics, through the OpenTelemetry API: nothing is recorded unless main.ts (or the embedding process)
 * sets up an SDK. `queue` is an attribute of all.
 */
export type WorkerMetrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const meter = metrics.getMeter('sluice-worker');
  return {
    /** From the time that a permit was for to the request's first byte, ms. Above the rate's slack it breaks the window. */
    permitAge: meter.createHistogram('sluice.permit.age', {
      unit: 'ms',
      description: 'Lateness of a request after its permit, at its first byte',
      advice: { explicitBucketBoundaries: [0.5, 1, 2, 5, 10, 15, 20, 30, 50, 100, 250, 1000] },
    }),
    /** Runs by what became of them: done, retry, give-up, give-back, … */
    runs: meter.createCounter('sluice.runs', { description: 'Runs of jobs by verdict' }),
    /** Jobs that ended, by the kind of their outcome. */
    jobs: meter.createCounter('sluice.jobs', { description: 'Jobs that ended, by outcome' }),
  };
}
