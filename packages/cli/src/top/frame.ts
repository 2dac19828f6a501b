import { formatRate } from '@sluice/shared';
import type { Paint } from '../text/colour.ts';
import { printableInLine } from '../text/printable.ts';
import { table } from '../text/table.ts';
import { numberText } from '../text/units.ts';
import { relativeText, spanText, timeOf } from '../text/when.ts';
import type { Readings, Row } from './meter.ts';

/** Where a frame is drawn. */
export type Space = {
  columns: number;
  /** Lines; null: as many as it takes. */
  lines: number | null;
  /** Queues that are scrolled away at the top. */
  offset: number;
  paint: Paint;
};

/** A line for people about Redis being away; null: it answers. */
export type Notice = string | null;

const failuresShown = 5;
/** From this width on there is room for times, and for a longer bar. */
const wide = 110;

const isBusy = ({ waiting, active, isPaused, holds, perSecond, delayed }: Row) =>
  waiting + active + delayed > 0 || isPaused || holds.length > 0 || (perSecond ?? 0) > 0;

/** Those where something happens first, each half by name: rows do not jump. Pure. */
export function inOrder(rows: readonly Row[]): Row[] {
  return [...rows.filter(isBusy), ...rows.filter((row) => !isBusy(row))];
}

/** `████░░` for a share from 0 to 1. Pure. */
export function bar(share: number, width: number): string {
  const full = Math.min(width, Math.max(0, Math.round(share * width)));
  return '█'.repeat(full) + '░'.repeat(width - full);
}

const clock = (at: number) => timeOf(at).slice(11, 19);

function used({ perSecond, limitPerSecond, policy }: Row, width: number): string {
  const rate = policy?.rate == null ? 'no limit' : formatRate(policy.rate);
  if (limitPerSecond === null) {
    return `${perSecond === null ? '' : `${numberText(perSecond)}/s, `}${policy === null ? 'unreadable' : rate}`;
  }
  const share = perSecond === null ? null : perSecond / limitPerSecond;
  const percent = share === null ? '?' : `${Math.round(100 * share)}`;
  return `${bar(share ?? 0, width)} ${percent.padStart(3)} % of ${rate}`;
}

function state({ isPaused, holds, policy, slowedPaceUs }: Row, at: number, isWide: boolean): string {
  if (isPaused) return 'paused';
  const held = holds.find(({ origin }) => origin === policy?.origin) ?? holds[0];
  if (held !== undefined) {
    const more = held.origin === policy?.origin ? '' : ' (one origin)';
    const until = isWide
      ? `held until ${clock(held.until)}, ${relativeText(held.until, at)}`
      : `held ${spanText(held.until - at)}`;
    return isWide ? `${until}${more}` : until;
  }
  if (slowedPaceUs !== null) return `slowed to ${numberText(1_000_000 / slowedPaceUs)}/s`;
  return 'open';
}

/** The share of the rate that is used: above nine tenths it is the rate that everybody waits for. */
function styleOfUse({ perSecond, limitPerSecond }: Row): 'green' | 'yellow' {
  return limitPerSecond !== null && (perSecond ?? 0) > 0.9 * limitPerSecond ? 'yellow' : 'green';
}

const titles = ['QUEUE', 'RATE USED', 'WAITING', 'IN FLIGHT', '429S', 'STATE', 'BACKLOG'];

function queueLines(rows: readonly Row[], at: number, { columns, paint }: Space): string[] {
  const isWide = columns >= wide;
  const heads = isWide ? titles : titles.with(2, 'WAIT').with(3, 'FLY').with(6, 'ETA');
  const cells = rows.map((row) => [
    row.name,
    used(row, isWide ? 20 : 6),
    String(row.waiting),
    String(row.active),
    String(row.rejected),
    state(row, at, isWide),
    row.backlogMs === null ? (row.waiting > 0 && !row.isPaused ? '?' : '') : spanText(row.backlogMs),
  ]);
  // Names get what the others leave, at least eight characters.
  const others = heads
    .slice(1)
    .map((head, at) => Math.max(head.length, ...cells.map((row) => row[at + 1]!.length)));
  const room = Math.max(8, columns - others.reduce((sum, width) => sum + width + 2, 0));
  const clipped = cells.map(([name = '', ...rest]) => [
    name.length > room ? `${name.slice(0, room - 1)}…` : name,
    ...rest,
  ]);
  const text = table([heads, ...clipped], [2, 3, 4, 6], (cell, line, column) => {
    if (line === 0) return paint('bold', cell);
    const row = rows[line - 1]!;
    if (column === 1) return paint(styleOfUse(row), cell);
    if (column === 4) return row.newlyRejected > 0 ? paint('red', cell) : cell;
    if (column === 5) return cell.trim() === 'open' ? cell : paint('yellow', cell);
    return cell;
  });
  return text.split('\n').slice(0, -1);
}

function failureLines({ failures, at }: Readings, { columns, paint }: Space): string[] {
  const lines = failures.slice(0, failuresShown).map(({ queue, id, at: when, reason }) => {
    const line = printableInLine(
      `${clock(when)}  ${relativeText(when, at).padEnd(11)}  ${queue}  ${id}  ${reason}`,
    );
    return line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
  });
  if (lines.length === 0) return [];
  return ['', paint('bold', 'Recent failures'), ...lines];
}

const sum = (rows: readonly Row[], figure: (row: Row) => number) =>
  rows.reduce((total, row) => total + figure(row), 0);

/** One frame, a line each, no longer than the space. Pure. */
export function frameLines(readings: Readings, notice: Notice, space: Space): string[] {
  const { at, rows } = readings;
  const { lines, paint } = space;
  const speed = numberText(sum(rows, ({ perSecond }) => perSecond ?? 0));
  const head =
    `${clock(at)}Z  ${rows.length} ${rows.length === 1 ? 'queue' : 'queues'}  ${speed} requests/s  ` +
    `${sum(rows, (row) => row.waiting)} waiting  ${sum(rows, (row) => row.active)} in flight`;
  const failures = failureLines(readings, space);
  const around = 3 + failures.length + 2;
  const height = lines === null ? rows.length : Math.max(1, lines - around);
  const offset = Math.max(0, Math.min(space.offset, rows.length - height));
  const shown = inOrder(rows).slice(offset, offset + height);
  const position =
    shown.length === rows.length
      ? ''
      : `queues ${offset + 1} to ${offset + shown.length} of ${rows.length}, arrows scroll; `;
  return [
    paint('bold', head),
    notice === null ? '' : paint('red', printableInLine(notice).slice(0, space.columns)),
    ...(rows.length === 0 ? ['no queues yet'] : queueLines(shown, at, space)),
    ...failures,
    ...(lines === null ? [] : ['', paint('dim', `${position}q ends`)]),
  ];
}
