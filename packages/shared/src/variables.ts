/** What reads variables of the environment whose names begin with SLUICE_. */
export type Reader = 'worker' | 'gateway' | 'command' | 'compose' | 'tests';

/**
 * Every such variable, and who reads it. A process refuses a name that is in nobody's list (a typo), and leaves alone what
 * is another's: one ConfigMap may serve them all.
 */
export const variables = {
  SLUICE_REDIS_URL: ['worker', 'gateway', 'command'],
  SLUICE_PREFIX: ['worker', 'gateway', 'command'],
  SLUICE_ACTOR: ['command'],
  SLUICE_QUEUES: ['worker'],
  SLUICE_CONCURRENCY: ['worker'],
  SLUICE_HEALTH_PORT: ['worker', 'gateway'],
  SLUICE_HEALTH_HOST: ['worker', 'gateway'],
  SLUICE_GRACE: ['worker', 'gateway'],
  SLUICE_LOCK_DURATION: ['worker'],
  SLUICE_STALLED_INTERVAL: ['worker'],
  SLUICE_TRANSFORMS: ['worker'],
  SLUICE_TRANSFORM_THREADS: ['worker'],
  SLUICE_TRANSFORM_TIMEOUT: ['worker'],
  SLUICE_BODY_STORE: ['worker', 'gateway'],
  SLUICE_REPLY_TTL: ['worker'],
  SLUICE_MAX_CLOCK_SKEW: ['worker'],
  SLUICE_LOG_LEVEL: ['worker', 'gateway'],
  SLUICE_GATEWAY_PORT: ['gateway'],
  SLUICE_GATEWAY_HOST: ['gateway'],
  SLUICE_GATEWAY_AUTH: ['gateway'],
  SLUICE_GATEWAY_POLICY: ['gateway'],
  SLUICE_GATEWAY_KEY_RATE: ['gateway'],
  SLUICE_GATEWAY_TRUST_PROXY: ['gateway'],
  SLUICE_EGRESS_MAX: ['worker'],
  SLUICE_REDIS_IMAGE: ['compose'],
  SLUICE_WORKER_IMAGE: ['compose'],
  SLUICE_BASE_IMAGE: ['compose'],
  SLUICE_NPM_REGISTRY: ['compose'],
} as const satisfies Record<`SLUICE_${string}`, readonly Reader[]>;

/** Names that nobody lists: those of test runs, and those that Kubernetes makes of a service called `sluice-…`. */
const families = /^SLUICE_(TEST_.*|.+_SERVICE_(HOST|PORT.*)|.+_PORT(_.*)?)$/;

/**
 * The SLUICE_ variables that a process has to look at: its own, and those that nobody knows, for its schema to refuse.
 * An empty variable is none.
 */
export function variablesOf(
  reader: Reader,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const listed: Readonly<Record<string, readonly Reader[]>> = variables;
  const isMine = (name: string) =>
    Object.hasOwn(listed, name) ? listed[name]!.includes(reader) : !families.test(name);
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[0].startsWith('SLUICE_') && entry[1] !== undefined && entry[1] !== '' && isMine(entry[0]),
    ),
  );
}
