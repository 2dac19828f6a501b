import { type FaultEffect, duplicatesOf } from './check-duplicates.ts';
import { type JobStory, storiesOf } from './job-story.ts';
import type { FaultRecord, RunRecords } from './records.ts';
import { worstWindow } from '../lab/measure/window.ts';

/** Something that must not be. `what` names the rule, `detail` the case. */
export interface Violation {
  what: string;
  detail: string;
}

export interface Report {
  jobs: number;
  accepted: number;
  settled: number;
  lost: number;
  wronglyFailed: number;
  ambiguous: number;
  requests: number;
  worstWindow: number;
  effects: FaultEffect[];
  violations: Violation[];
}

/** How long before it was allowed a request may arrive: the tolerance of the rule that waits are kept. */
const earlyMs = 250;

/** A request under way when its deadline came is older than this. */
const pastDeadlineMs = 250;

/** Reads the logs of a run and tells what they prove. Pure. */
export function check(records: RunRecords): Report {
  const stories = storiesOf(records);
  const violations: Violation[] = [];
  const report = (what: string, detail: string) => void violations.push({ what, detail });

  for (const crash of records.crashes) report('a process ended by itself', crash);
  for (const id of records.left) report('a job is still in the queue', id);
  for (const [id, times] of records.ends) {
    if (times > 1) report('a job ended more than once', `${id}: ${times} times`);
  }

  let lost = 0;
  let wronglyFailed = 0;
  let ambiguous = 0;
  for (const story of stories.values()) {
    const { job, accepted, isAwaited, settled, hasLostItsProducer } = story;
    if (settled.length > 1) report('a handle settled more than once', job);
    // Its deadline passed while Redis was away: the caller was told so, and the job goes its way.
    const isOverdue =
      story.kind === 'expiring' &&
      story.broken?.startsWith('SLUICE_REDIS_UNREACHABLE') === true &&
      records.faults.some(({ kind }) => kind.startsWith('redis') || kind.startsWith('connection'));
    if (story.broken !== null && !isOverdue)
      report('a handle settled without an outcome', `${job}: ${story.broken}`);
    const isTerminal =
      settled.length > 0 ||
      (accepted !== null && (records.outcomes.has(accepted) || records.ends.has(accepted)));
    if (accepted !== null && !isTerminal) {
      lost += 1;
      report('an accepted job is lost', `${job} (id ${accepted}), ${story.requests.length} requests`);
    }
    if (isAwaited && settled.length === 0 && !hasLostItsProducer && !isOverdue) {
      report('a handle never settled', accepted === null ? job : `${job} (id ${accepted})`);
    }
    if (settled[0]?.kind === 'ambiguous') ambiguous += 1;
    const wrong = wrongEnd(story, records.faults);
    if (wrong !== null) {
      wronglyFailed += 1;
      report('a job ended wrongly', `${job}: ${wrong}`);
    }
    for (const [what, detail] of requestFaults(story)) report(what, `${job}: ${detail}`);
  }

  const { effects, unexplained } = duplicatesOf(stories, records.faults);
  for (const detail of unexplained) report('a request was made again, and no fault explains it', detail);
  for (const { fault, touched, duplicated } of effects) {
    if (duplicated <= touched) continue;
    report(
      'more duplicates than requests under way',
      `${fault.kind}, ${fault.target}: ${duplicated} of ${touched}`,
    );
  }

  const times = records.requests.map(({ t }) => t);
  const { limit, perMs } = records.rate;
  const worst = worstWindow(times, perMs);
  if (worst.count > limit) {
    report(
      'the rate was exceeded',
      `${worst.count} requests in ${perMs} ms from ${new Date(worst.at).toISOString()}`,
    );
  }
  const all = [...stories.values()];
  return {
    jobs: all.length,
    accepted: all.filter(({ accepted }) => accepted !== null).length,
    settled: all.filter(({ settled }) => settled.length > 0).length,
    lost,
    wronglyFailed,
    ambiguous,
    requests: records.requests.length,
    worstWindow: worst.count,
    effects,
    violations,
  };
}

/** Why a job ought not to have ended as it did; null: it ought. */
function wrongEnd(
  { settled: [end], kind, script, deadline }: JobStory,
  faults: FaultRecord[],
): string | null {
  if (end === undefined) return null;
  const lastStep = script.split('.').at(-1)!;
  const status = lastStep === 's404' ? 404 : 200;
  if (end.kind === 'response') {
    return end.status === status ? null : `status ${end.status}, expected ${status} (${script})`;
  }
  if (end.kind === 'expired' && kind === 'expiring') {
    return end.t >= deadline! - 50 ? null : `expired ${deadline! - end.t} ms before its deadline`;
  }
  if (end.kind === 'cancelled' && kind === 'cancelled') return null;
  // Its worker was lost with the request under way: whether it was performed is not known, and it says so.
  if (end.kind === 'ambiguous' && kind === 'once') return null;
  // A frozen process reads no answer: its timer ends the attempt, and what cannot be repeated safely ends with it.
  const isUnsafe = kind === 'post' || kind === 'once';
  const wasFrozen = faults.some(
    ({ kind: fault, end: healed }) => fault === 'worker stopped' && healed <= end.t,
  );
  if (end.kind === 'timeout' && isUnsafe && wasFrozen) return null;
  return `${end.kind} after ${end.attempts} attempts (${script})`;
}

function* requestFaults({
  requests,
  kind,
  key,
  deadline,
}: JobStory): Generator<[what: string, detail: string]> {
  for (const [index, { t, end, askedMs, tEnd }] of requests.entries()) {
    const next = requests[index + 1];
    if (deadline !== null && t > deadline + pastDeadlineMs) {
      yield ['a request was made after its deadline', `${t - deadline} ms after`];
    }
    if (askedMs > 0 && end === 'answered' && next !== undefined && next.t < tEnd + askedMs - earlyMs) {
      yield ['a wait was cut short', `asked to wait ${askedMs} ms, came after ${next.t - tEnd} ms`];
    }
  }
  const keys = new Set(requests.map(({ idempotencyKey }) => idempotencyKey));
  if (keys.size > 1) yield ['the idempotency key changed', [...keys].join(', ')];
  const [sent] = keys;
  if (kind === 'post-key' && sent !== undefined && sent !== key) {
    yield ["the caller's idempotency key was not sent", `${sent} for ${key}`];
  }
  if (kind === 'post' && sent === null) yield ['a POST had no idempotency key', ''];
  if (kind !== 'once') return;
  // At most once: only a refusal proves that nothing was done.
  const performed = requests.filter(({ step }) => !step.startsWith('r429'));
  if (performed.length > 1) yield ['an at-most-once request was made twice', `${performed.length} times`];
}
