import type { QueueState, WorkerRecord } from '@sluice/producer';
import { closedPorts, formatRate } from '@sluice/shared';
import { policyFields } from './policy-text.ts';
import { type Paint, plain } from '../text/colour.ts';
import { table } from '../text/table.ts';
import { numberText, timeText } from '../text/units.ts';
import { whenText } from '../text/when.ts';
import { workersText } from '../text/workers.ts';

/** What stops a queue now, in a word or two: `paused`, `held 12s`, `closed 3.2s`, `open`. Pure. */
export function stateText({ paused, holds, policy, gateOpensInMs, counts }: QueueState): string {
  if (paused) return 'paused';
  const held = holds.find(({ origin }) => origin === policy.origin);
  if (held !== undefined) return `held ${timeText(held.forMs)}`;
  // A gate often closes for a moment: this is how it keeps the rate.
  if (gateOpensInMs > 1000 && counts.waiting > 0) return `closed ${timeText(gateOpensInMs)}`;
  return holds.length > 0 ? `open, ${holds.length} held` : 'open';
}

/** One line per queue. Pure. */
export function listText(states: readonly QueueState[], paint: Paint = plain): string {
  const header = ['QUEUE', 'RATE', 'STATE', 'WAITING', 'ACTIVE', 'DELAYED', 'FAILED', 'SENT', 'REJECTED'];
  const rows = states.map((state) => [
    state.name,
    rateText(state),
    stateText(state),
    ...[state.counts.waiting, state.counts.active, state.counts.delayed, state.counts.failed].map(String),
    String(state.sent),
    String(state.rejected),
  ]);
  const isOpen = (row: number) => rows[row - 1]![2] === 'open';
  return table([header, ...rows], [3, 4, 5, 6, 7, 8], (cell, row, column) => {
    if (row === 0) return paint('bold', cell);
    return column === 2 ? paint(isOpen(row) ? 'green' : 'yellow', cell) : cell;
  });
}

function rateText({ policy, slowedTo }: QueueState): string {
  if (policy.rate === null) return 'none';
  const text = formatRate(policy.rate);
  return slowedTo === null ? text : `${text}, slowed to ${numberText(slowedTo.perSecond)}/s`;
}

function gateText({ policy, gate, paceMs, gateOpensInMs }: QueueState): string {
  const opens = gateOpensInMs > 0 ? `, opens in ${timeText(gateOpensInMs)}` : ', open';
  if (policy.rate === null) return gateOpensInMs > 0 ? `closed${opens}` : 'open, no limit';
  const jobs = `${gate.max} ${gate.max === 1 ? 'job' : 'jobs'} per ${gate.duration} ms`;
  const pace = paceMs === null ? '' : `, a permit every ${numberText(paceMs)} ms`;
  return `${jobs}${pace}${opens}`;
}

/** The ports that are blocked because requests may go to internal addresses and nobody listed the ports. */
function closedRows({ policy }: QueueState): string[][] {
  const closed = closedPorts(policy.egress);
  if (closed.length === 0) return [];
  const rows = closed.map(({ kind, ports }) => ['', `${kind}: ${ports.join(', ')}`]);
  return [['ports', 'blocked unless egress.ports lists them, with every other port in use:'], ...rows];
}

/** Everything about one queue. @param workers those that serve it @param now epoch ms. Pure. */
export function showText(state: QueueState, workers: readonly WorkerRecord[], now: number): string {
  const { policy, slowedTo, holds, counts, sent, rejected } = state;
  const { worker, global } = policy.concurrency;
  const share = sent === 0 ? '' : ` (${numberText((100 * rejected) / sent)} % of those sent)`;
  const slowed =
    slowedTo === null
      ? 'no'
      : `${numberText(slowedTo.perSecond)}/s; the upstream rejected requests at ${numberText(slowedTo.ceilingPerSecond)}/s`;
  const held =
    holds.length === 0
      ? [['holds', 'none']]
      : holds.map(({ origin, forMs }, index) => [
          index === 0 ? 'holds' : '',
          `${origin} until ${whenText(now + forMs, now)}`,
        ]);
  const rows = [
    ['queue', state.name],
    ['state', stateText(state)],
    ['rate', policy.rate === null ? 'none' : formatRate(policy.rate)],
    ['slowed to', slowed],
    ['gate', gateText(state)],
    ...held,
    [
      'jobs',
      `${counts.waiting} waiting, ${counts.active} active, ${counts.delayed} delayed, ${counts.failed} failed`,
    ],
    ['requests', `${sent} sent, ${rejected} rejected${share}`],
    ['concurrency', `${worker ?? "each worker's own"} in a worker, ${global ?? 'any number'} in the fleet`],
    ['workers', workersText(workers)],
    ...closedRows(state),
  ];
  const fields = policyFields(policy).map(([path, text]) => [`  ${path}`, text]);
  return `${table(rows)}policy\n${table(fields)}`;
}
