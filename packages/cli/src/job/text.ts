import type { Explanation, WorkerRecord } from '@sluice/producer';
import { type Paint, plain } from '../text/colour.ts';
import { requestText } from '../text/request.ts';
import { table } from '../text/table.ts';
import { relativeText, whenText } from '../text/when.ts';
import { workersText } from '../text/workers.ts';
import { whyText } from './why.ts';

/** The colour of a state: what needs nobody is green, what somebody may want to look at is not. */
const styles = {
  waiting: 'cyan',
  delayed: 'yellow',
  active: 'green',
  completed: 'green',
  failed: 'red',
  unknown: 'red',
} as const;

/**
 * Everything about one job. Pure.
 * @param workers that serve its queue
 * @param reveal with the query of its URL
 */
export function jobText(
  explanation: Explanation,
  workers: readonly WorkerRecord[],
  reveal = false,
  paint: Paint = plain,
): string {
  const { id, queue, status, at, request, attempts, outcome, lastError } = explanation;
  const time = (name: string, ms: number | null) => (ms === null ? [] : [[name, whenText(ms, at)]]);
  const rows = [
    ['job', id],
    ['queue', queue],
    ['state', status],
    ['why', whyText(explanation, workers.length > 0)],
    ...time('earliest start', explanation.earliestStart),
    // Only a job that waits needs one.
    ...(status === 'waiting' || status === 'delayed' ? [['workers', workersText(workers)]] : []),
    ...(explanation.ahead === null ? [] : [['jobs ahead', String(explanation.ahead)]]),
    [
      'attempts',
      attempts.most === null ? `${attempts.made} made` : `${attempts.made} made, at most ${attempts.most}`,
    ],
    ...(lastError === null ? [] : [['last error', lastError]]),
    ...time('enqueued', explanation.enqueuedAt),
    ...time('taken', explanation.startedAt),
    ...time('deadline', explanation.deadline),
    ...(outcome === null
      ? []
      : [['outcome', `${outcome.kind}${outcome.status === null ? '' : `, status ${outcome.status}`}`]]),
    ...time('ended', outcome?.endedAt ?? null),
    ...(outcome?.error == null ? [] : [['error', `${outcome.error.code}: ${outcome.error.message}`]]),
    ...(request === null ? [] : [['request', requestText(request, reveal)]]),
  ];
  return table(rows, [], (cell, row, column) => {
    if (column === 0) return paint('bold', cell);
    return rows[row]![0] === 'state' ? paint(styles[status], cell) : cell;
  });
}

/** One line a job. Pure. @param isServed a worker serves their queue */
export function jobListText(list: readonly Explanation[], isServed: boolean, paint: Paint = plain): string {
  const rows = list.map((one) => [
    one.id,
    one.status,
    one.enqueuedAt === null ? '' : relativeText(one.enqueuedAt, one.at),
    one.request === null ? '(cannot be read)' : requestText(one.request, false),
    whyText(one, isServed),
  ]);
  return table([['ID', 'STATE', 'ENQUEUED', 'REQUEST', 'WHY'], ...rows], [], (cell, row, column) => {
    if (row === 0) return paint('bold', cell);
    return column === 1 ? paint(styles[list[row - 1]!.status], cell) : cell;
  });
}
