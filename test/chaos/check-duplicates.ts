import type { JobStory } from './job-story.ts';
import type { FaultKind } from './plan.ts';
import type { FaultRecord, RequestRecord } from './records.ts';
import { settings } from './settings.ts';

/** What became of the jobs that one fault touched. */
export interface FaultEffect {
  fault: FaultRecord;
  /** Jobs with a request under way when it hit. */
  touched: number;
  /** Requests made again for no other reason. */
  duplicated: number;
}

/** Between the end of a request and the moment when Redis has its outcome, ms. */
const settlingMs = 1000;

/** A request is on its way before the upstream sees it. */
const travellingMs = 300;

/** How much longer than until it is healed a fault can cost work that was under way, ms. */
const aftermathMs: Record<FaultKind, number> = {
  'worker killed': 0,
  'worker drained': 0,
  'worker stopped': 1000,
  'redis killed': 2500,
  'redis frozen': 2500,
  'connections cut': 2500,
  'connections stalled': 2500,
  // Nobody hears of it before the socket timeout.
  'connections silent': settings.socketTimeoutMs + 2500,
  'network parted': settings.socketTimeoutMs + 2500,
  'producer killed': 0,
};

/** Requests that were made again although the upstream had not asked for it, each put down to a fault, or unexplained. */
export function duplicatesOf(
  stories: ReadonlyMap<string, JobStory>,
  faults: readonly FaultRecord[],
): { effects: FaultEffect[]; unexplained: string[] } {
  const effects = faults.map((fault) => ({ fault, touched: 0, duplicated: 0 }));
  const unexplained: string[] = [];
  for (const { job, requests } of stories.values()) {
    for (const effect of effects) {
      if (requests.some((request) => wasUnderWay(request, effect.fault))) effect.touched += 1;
    }
    for (const [index, request] of requests.entries()) {
      const next = requests[index + 1];
      if (next === undefined || isTriedAgain(request)) continue;
      const culprit = likeliest(
        effects.filter(({ fault }) => explains(fault, request)),
        request,
      );
      if (culprit !== null) culprit.duplicated += 1;
      else
        unexplained.push(
          `${job}: ${request.step} at ${clock(request.t)} (${request.end}), again at ${clock(next.t)}`,
        );
    }
  }
  return { effects, unexplained };
}

/** The upstream did what is answered by another attempt. */
function isTriedAgain({ step, end, t, tEnd }: RequestRecord): boolean {
  if (step.startsWith('r429') || step === 's500' || step === 's502' || step === 's503')
    return end === 'answered';
  if (step === 'hang') return tEnd - t >= settings.timeoutMs - 200;
  return step === 'reset';
}

function explains(fault: FaultRecord, request: RequestRecord): boolean {
  if (fault.kind === 'producer killed') return false;
  // A drain lets finish what fits in the grace, and nothing that is answered does not.
  if (fault.kind === 'worker drained' && request.end === 'answered') return false;
  return wasUnderWay(request, fault);
}

/** Of the faults that explain it, the one that began nearest to the end of the request. */
function likeliest(effects: FaultEffect[], { tEnd }: RequestRecord): FaultEffect | null {
  const away = ({ fault }: FaultEffect) => Math.abs(fault.start - tEnd);
  return effects.toSorted((a, b) => away(a) - away(b))[0] ?? null;
}

function wasUnderWay({ t, tEnd }: RequestRecord, { kind, start, end }: FaultRecord): boolean {
  return t - travellingMs <= end + aftermathMs[kind] && tEnd + settlingMs >= start;
}

function clock(t: number): string {
  return new Date(t).toISOString().slice(11, 23);
}
