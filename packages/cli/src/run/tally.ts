import type { StreamItem } from '@sluice/producer';
import type { Outcome, OutcomeKind } from '@sluice/shared';

/** How the jobs of a run ended. */
export class Tally {
  /** Outcome `response`: any status that is not retried, 404 included. */
  completed = 0;
  /** Every other outcome. */
  failed = 0;
  /** Taken back before they were attempted, because the run was stopped. */
  takenBack = 0;
  /** Failures by outcome, with the first of each. */
  readonly failures = new Map<OutcomeKind, { count: number; index: number; url: string; message: string }>();

  /** Counts a job that ended; false when it was taken back, which does not count as an end. */
  add(item: StreamItem, stopping: boolean): boolean {
    const { outcome } = item;
    if (stopping && wasTakenBack(outcome)) {
      this.takenBack += 1;
      return false;
    }
    if (outcome.kind === 'response') {
      this.completed += 1;
      return true;
    }
    this.failed += 1;
    const known = this.failures.get(outcome.kind);
    if (known !== undefined) known.count += 1;
    else {
      const { spec } = item;
      const url = String(typeof spec === 'string' || spec instanceof URL ? spec : spec.url);
      this.failures.set(outcome.kind, {
        count: 1,
        index: item.index,
        url,
        message: outcome.error?.message ?? '',
      });
    }
    return true;
  }
}

function wasTakenBack(outcome: Outcome): boolean {
  // Nothing else cancels the jobs of a run.
  return outcome.kind === 'cancelled';
}
