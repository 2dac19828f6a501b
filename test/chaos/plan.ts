import { type Random, seeded } from './random.ts';

/** Whom a fault can hit. */
export const faultKinds = [
  'worker killed',
  'worker drained',
  'worker stopped',
  'redis killed',
  'redis frozen',
  'connections cut',
  'connections stalled',
  'connections silent',
  'network parted',
  'producer killed',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** A fault that is to come. */
export interface PlannedFault {
  /** ms from the start. */
  at: number;
  kind: FaultKind;
  /** Which of them, as a share of how many there are: [0, 1). */
  who: number;
  /** How long until it is healed, ms; 0 where it is a matter of a moment. */
  forMs: number;
}

/** How many of each in a minute. */
const perMinute: Record<FaultKind, number> = {
  'worker killed': 11,
  'worker drained': 2,
  'worker stopped': 3,
  'redis killed': 2,
  'redis frozen': 2,
  'connections cut': 3,
  'connections stalled': 2,
  'connections silent': 1,
  'network parted': 1,
  'producer killed': 1.5,
};

/** Most are shorter than a lock, some are longer: then others take the jobs. */
function length(kind: FaultKind, random: Random, lockMs: number): number {
  const shortOrLong = (min: number, max: number) =>
    Math.round(random.chance(0.25) ? random.between(lockMs * 1.2, lockMs * 1.7) : random.between(min, max));
  switch (kind) {
    case 'worker stopped':
      return shortOrLong(100, 2500);
    case 'redis killed':
      return shortOrLong(50, 1500);
    case 'redis frozen':
    case 'connections stalled':
    case 'network parted':
      return shortOrLong(300, 3000);
    default:
      return 0;
  }
}

/** The faults of a run, in the order of their times. The same for the same seed and length. */
export function planFaults(seed: number, minutes: number, lockMs: number): PlannedFault[] {
  const random = seeded(seed);
  const fromMs = 3000;
  const spanMs = Math.max(1000, minutes * 60_000 - fromMs - 2000);
  const plan: PlannedFault[] = [];
  for (const kind of faultKinds) {
    const count = Math.ceil(perMinute[kind] * minutes);
    for (let n = 0; n < count; n++) {
      // One in each equal part of the run, anywhere in it.
      const at = Math.round(fromMs + ((n + random.next()) / count) * spanMs);
      plan.push({ at, kind, who: random.next(), forMs: length(kind, random, lockMs) });
    }
  }
  return plan.sort((a, b) => a.at - b.at);
}
