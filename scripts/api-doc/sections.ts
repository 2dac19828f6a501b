/** A heading of the page, and the exports whose members it lists. */
export type Section = { title: string; about: string; from: { file: string; name: string }[] };

const producer = (path: string, ...names: string[]) =>
  names.map((name) => ({ file: `packages/producer/src/${path}.ts`, name }));
const shared = (path: string, ...names: string[]) =>
  names.map((name) => ({ file: `packages/shared/src/${path}.ts`, name }));

export const sections: Section[] = [
  {
    title: 'Job spec',
    about:
      'One HTTP request: `{ url, … }`. `fetch` and `enqueue` take the URL and the rest; lists take whole specs. A line of `sluice run` is the same as JSON.',
    from: [...shared('job/spec-types', 'JobSpec', 'RequestSpec')],
  },
  {
    title: 'Retries of a job',
    about: 'The `retry` of a job spec.',
    from: shared('policy/policy-types', 'JobRetry'),
  },
  {
    title: 'connect',
    about: '',
    from: [...producer('connect', 'connect'), ...producer('connect-options', 'ConnectOptions')],
  },
  {
    title: 'Sluice',
    about: 'The client that `connect` gives. Also `await using`.',
    from: producer('client', 'Sluice'),
  },
  { title: 'Options of enqueue', about: '', from: producer('enqueue/enqueue', 'EnqueueOptions') },
  {
    title: 'Options of enqueueMany',
    about: 'Besides those of `enqueue`.',
    from: producer('enqueue/enqueue-many', 'BatchOptions'),
  },
  {
    title: 'Options of fetch',
    about: 'Besides the fields of a job spec.',
    from: [...producer('fetch', 'FetchInit'), ...producer('handle', 'WaitOptions', 'ResultOptions')],
  },
  { title: 'Options of gather', about: '', from: producer('gather', 'GatherOptions') },
  { title: 'Options of stream', about: '', from: producer('stream', 'StreamOptions') },
  { title: 'Handle', about: 'A job that was accepted.', from: producer('handle', 'Handle') },
  { title: 'FetchResponse', about: '', from: producer('response', 'FetchResponse') },
  {
    title: 'JobError',
    about: 'A job that ended without a usable response; `code` is one of [errors](errors.md).',
    from: producer('job-error', 'JobError'),
  },
  { title: 'Outcome', about: 'How a job ended, as data.', from: shared('job/outcome', 'Outcome') },
  {
    title: 'Explanation',
    about: 'What `handle.explain()` says.',
    from: producer('explain/explanation', 'Explanation'),
  },
  { title: 'Group', about: '', from: producer('group', 'Group') },
  {
    title: 'Batch',
    about: '',
    from: [...producer('batch/batch', 'Batch'), ...producer('batch/batch', 'ResultsOptions')],
  },
  {
    title: 'Semaphore',
    about: '',
    from: [
      ...producer('semaphore/semaphore', 'Semaphore', 'SemaphoreOptions'),
      ...producer('semaphore/lease', 'Lease'),
    ],
  },
  {
    title: 'Schedules',
    about: '`sluice.schedules`.',
    from: [...producer('queues/schedules', 'Schedules', 'ScheduleOptions')],
  },
  { title: 'Policies', about: '`sluice.policies`.', from: producer('queues/policies', 'Policies') },
  { title: 'Queues', about: '`sluice.queues`.', from: producer('queues/queues', 'Queues') },
  { title: 'DeadLetters', about: '`sluice.dead`.', from: producer('dead/dead-letters', 'DeadLetters') },
  {
    title: 'ApiClient',
    about: '',
    from: [...producer('api-client', 'ApiClient', 'ApiClientOptions', 'RequestOptions')],
  },
  {
    title: 'Policy',
    about:
      'What `connect({ policy })` takes; [configuration](configuration.md#policy) says what goes wrong at the extremes.',
    from: shared('policy/policy-types', 'PolicyInput'),
  },
  { title: 'Rate', about: '', from: shared('policy/policy-types', 'RateSpec') },
  { title: 'Retry', about: '', from: shared('policy/policy-types', 'RetrySpec') },
  { title: 'Egress', about: '', from: shared('policy/policy-types', 'EgressSpec') },
  {
    title: 'startWorker',
    about: 'Of `sluice/worker`.',
    from: [
      { file: 'packages/worker/src/start-worker.ts', name: 'startWorker' },
      { file: 'packages/worker/src/options.ts', name: 'WorkerOptions' },
      { file: 'packages/worker/src/start-worker.ts', name: 'EmbeddedWorker' },
    ],
  },
  {
    title: 'Transform',
    about: 'What a [transform](transforms.md) gets.',
    from: [{ file: 'packages/worker/src/transform/contract.ts', name: 'TransformInput' }],
  },
];
