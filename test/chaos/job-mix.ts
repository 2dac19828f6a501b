import type { PlainSpec } from '../../packages/producer/src/index.ts';
import type { Random } from './random.ts';

/**
 * `get` may be asked for again at will. `post` has no key of its caller's: it is repeated only after a crash, with the
 * same key of ours. `post-key` has the caller's. `once` is at-most-once. `expiring` has a deadline that may be too
 * early, `cancelled` is cancelled soon.
 */
export type JobKind = 'get' | 'post' | 'post-key' | 'once' | 'expiring' | 'cancelled';

/** One job of a producer. */
export interface ChaosJob {
  /** Its name, which is in its path. */
  job: string;
  kind: JobKind;
  /** What the upstream does with its requests, one step each, the last for ever. */
  script: string;
  spec: PlainSpec;
  /** Of a `cancelled` one: cancelled so long after it was accepted, ms. */
  cancelAfterMs: number;
}

const kinds: readonly JobKind[] = [
  ...Array.from({ length: 11 }, () => 'get' as const),
  ...Array.from({ length: 3 }, () => 'post' as const),
  ...Array.from({ length: 2 }, () => 'post-key' as const),
  ...Array.from({ length: 2 }, () => 'once' as const),
  'expiring',
  'cancelled',
];

/** Steps after which a GET is tried again, and the origins that they need. */
const mishaps = ['s500', 's503', 'reset', 'hang', 's502'];

/** The last step of most jobs: answered at once, or after some ms. */
function ending(random: Random): string {
  if (random.chance(0.03)) return 's404';
  return random.chance(0.15) ? `slow-${Math.round(random.between(300, 1800))}` : 'ok';
}

/** Fewer than the attempts, so that each must end with its last step whatever faults add. */
function script(kind: JobKind, random: Random): string {
  if (kind === 'post' || kind === 'once') return ending(random);
  const steps: string[] = [];
  while (steps.length < 3 && random.chance(0.15)) {
    const idempotent = kind === 'get' || kind === 'post-key';
    steps.push(idempotent ? random.pick(mishaps) : 's503');
  }
  return [...steps, ending(random)].join('.');
}

/** The urls of the upstream: one that never refuses, and one that does, so that a hold of it leaves the other alone. */
export interface Origins {
  steady: string;
  refusing: string;
}

/** @param now epoch ms */
export function nextJob(job: string, origins: Origins, random: Random, now: number): ChaosJob {
  const kind = random.pick(kinds);
  const refused = kind !== 'expiring' && random.chance(0.02);
  const steps = refused ? `r429-${random.pick([1, 2])}.${ending(random)}` : script(kind, random);
  const url = `${refused ? origins.refusing : origins.steady}/${job}/${steps}`;
  const spec: PlainSpec = { url };
  if (kind === 'post' || kind === 'post-key') Object.assign(spec, { method: 'POST', body: job });
  if (kind === 'post-key') spec.headers = { 'idempotency-key': `mine-${job}` };
  if (kind === 'once') spec.delivery = 'at-most-once';
  if (kind === 'expiring') spec.deadline = Math.round(now + random.between(1500, 8000));
  // With an id of its own or with one that the library chooses: they are added in different ways.
  if (random.chance(0.5)) spec.id = job;
  return { job, kind, script: steps, spec, cancelAfterMs: random.between(0, 2500) };
}
