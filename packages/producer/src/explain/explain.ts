import {
  type JobLook,
  type Outcome,
  type Policy,
  failureMarker,
  readEnvelopeText,
  readStoredPolicy,
} from '@sluice/shared';
import type { Explanation, JobReason, JobStatus } from './explanation.ts';

/** A start this close is now: workers look further ahead themselves, ms. */
const soonMs = 100;

/** The policy as far as this version can read it: an operator asks when something is wrong. */
function policyOf(queue: string, json: string | null): Policy | null {
  try {
    return json === null ? null : readStoredPolicy(queue, json);
  } catch {
    return null;
  }
}

/** The end of a job; null: it has none. */
function endOf({ outcome, place, fields }: JobLook): Explanation['outcome'] {
  const failed = place === 'failed' || outcome === failureMarker;
  if (outcome === null && !failed) return null;
  let settled: Partial<Outcome> | null = null;
  try {
    settled = JSON.parse(outcome?.split('\n', 1)[0] ?? '') as Partial<Outcome>;
  } catch {
    // Only a marker is kept.
  }
  const [, code, message] = /^(SLUICE_[A-Z_]+): ([^]*)$/.exec(fields.failedReason ?? '') ?? [];
  const stored = failed && code !== undefined ? { code, message: message ?? '' } : null;
  return {
    kind: settled?.kind ?? (failed ? 'unknown' : 'response'),
    endedAt: settled?.endedAt ?? null,
    status: settled?.response?.status ?? null,
    error: settled?.error ?? (stored as NonNullable<Explanation['outcome']>['error']),
  };
}

function statusOf({ place }: JobLook, end: Explanation['outcome']): JobStatus {
  if (end !== null) return end.kind === 'response' ? 'completed' : 'failed';
  if (place === 'gone' || place === 'failed') return 'unknown';
  if (place === 'wait' || place === 'prioritized') return 'waiting';
  // Between two lists for a moment, as a worker takes it.
  return place === 'elsewhere' ? 'active' : place;
}

/** ms between two starts; 0: there is no rate. */
function paceMs(look: JobLook, policy: Policy | null): number {
  if (look.slowedPaceUs !== null) return Number(look.slowedPaceUs) / 1000;
  const paceUs = Number(look.policy.paceUs ?? 0);
  if (paceUs > 0) return paceUs / 1000;
  return policy?.rate == null ? 0 : policy.rate.per / policy.rate.limit;
}

type Wait = { why: JobReason; until: number | null; earliestStart: number | null };

/** What keeps a waiting job from being taken. @param heldUntil epoch ms; 0: nothing that it needs is held */
function waitOf(look: JobLook, policy: Policy | null, heldUntil: number): Wait {
  const now = look.nowUs / 1000;
  const never = (why: JobReason): Wait => ({ why, until: null, earliestStart: null });
  if (look.policy.json === null) return never('no-policy');
  if (look.isPaused) return never('paused');
  const pace = paceMs(look, policy);
  const gateOpens = now + look.gateShutMs;
  const next = Math.max(now, gateOpens, heldUntil, pace > 0 ? look.nextStartUs / 1000 : 0);
  const earliestStart =
    look.ahead === -1 ? null : Math.ceil(next + Math.max(0, look.ahead - look.saved) * pace);
  const until = (time: number) => (time > now ? Math.ceil(time) : null);
  if (heldUntil > 0) return { why: 'held', until: until(heldUntil), earliestStart };
  const most = policy?.concurrency.global ?? null;
  if (most !== null && look.active >= most) return never('concurrency');
  const isLater = next > now + soonMs || look.ahead === -1 || look.ahead > look.saved;
  if (pace > 0 && isLater) return { why: 'rate', until: until(gateOpens), earliestStart };
  if (look.ahead !== 0) return { why: 'behind', until: null, earliestStart: pace > 0 ? earliestStart : null };
  return { why: 'worker', until: null, earliestStart };
}

/** What a delayed job waits for. It then waits for its turn, too. */
function delayOf(look: JobLook, made: number, heldUntil: number): Wait {
  const why = look.isPutOff
    ? heldUntil > 0
      ? 'held'
      : 'put-off'
    : made > 0
      ? 'backoff'
      : Number(look.fields.ats ?? 0) > 0
        ? 'put-off'
        : 'scheduled';
  const start = look.isPaused ? null : Math.max(look.due, heldUntil);
  return { why, until: look.due, earliestStart: start };
}

/** What a look at a job means. Pure. */
export function explanationOf(queue: string, id: string, look: JobLook): Explanation {
  const { fields } = look;
  const read = readEnvelopeText(fields.data);
  const envelope = read.type === 'envelope' ? read.envelope : null;
  const policy = policyOf(queue, look.policy.json);
  const now = look.nowUs / 1000;
  const end = endOf(look);
  const status = statusOf(look, end);
  const number = (text: string | null) => (text === null ? null : Number(text));
  const made = Number(fields.tries ?? fields.atm ?? 0);

  // The hold of its own origin, and that of the one origin of its queue.
  const origins = [policy?.origin, envelope === null ? null : URL.parse(envelope.req.url)?.origin];
  const held = look.holds.filter(([origin, until]) => origins.includes(origin) && until > now);
  const heldUntil = Math.max(0, ...held.map(([, until]) => until));

  const still = (why: JobReason): Wait => ({ why, until: null, earliestStart: null });
  const wait: Record<JobStatus, () => Wait> = {
    waiting: () => waitOf(look, policy, heldUntil),
    delayed: () => delayOf(look, made, heldUntil),
    active: () => still(look.isCancelled ? 'cancelling' : 'running'),
    completed: () => still('ended'),
    failed: () => still('ended'),
    unknown: () => still('unknown'),
  };
  return {
    queue,
    id,
    status,
    ...wait[status](),
    at: Math.floor(now),
    request: envelope === null ? null : { method: envelope.req.method, url: envelope.req.url },
    attempts: { made, most: envelope?.attempts ?? policy?.retry.attempts ?? null },
    ahead: status !== 'waiting' || look.ahead === -1 ? null : look.ahead,
    enqueuedAt: number(fields.timestamp),
    startedAt: number(fields.processedOn),
    worker: status === 'active' ? fields.pb : null,
    runningMs:
      status === 'active' && fields.processedOn !== null
        ? Math.max(0, Math.floor(now) - Number(fields.processedOn))
        : null,
    deadline: envelope?.deadline ?? null,
    lastError: end === null ? fields.failedReason : null,
    outcome: end,
  };
}
