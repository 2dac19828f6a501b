import type { AttemptEnd } from './outcome.ts';

/** The field of a job's hash that keeps how its attempts ended: while others follow, and in a dead letter. */
export const endsField = 'ends';

/** The ends as a job's hash keeps them. What cannot be read is none. Pure. */
export function readEnds(text: string | null): readonly AttemptEnd[] {
  try {
    const ends: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(ends) ? (ends as AttemptEnd[]) : [];
  } catch {
    return [];
  }
}
