import { gapRates } from './gap-rates.ts';

/** What a terminal plot shows, and how. */
export interface TerminalPlot {
  /** When requests arrived, ms. */
  times: ArrayLike<number>;
  /** The limit line. Default: none. */
  limit?: { limit: number; perMs: number };
  title?: string;
  /** Columns of the whole plot. Default 80, at least 40. */
  width?: number;
  /** Rows of bars. Default 10, at least 4. */
  height?: number;
  /** ANSI colours. Default false; see `terminalColours`. */
  colour?: boolean;
}

/** Whether colours belong on this stream: a terminal, and no NO_COLOR in the environment. */
export function terminalColours(
  stream: { isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const BAR = 36; // cyan
const OVER = 31; // red
const LINE = 33; // yellow

/**
 * Requests per second over time as bars, against the limit as a line.
 * A bar is as narrow as the columns allow, but covers about ten arrivals at the limit, or it would only show their
 * jitter. What is above the limit is hatched, so that it shows even without colours.
 * @returns the lines, joined, without a newline at the end.
 */
export function plotTerminal(plot: TerminalPlot): string {
  const { limit, title, colour = false } = plot;
  const times = new Float64Array(plot.times).sort();
  const spanMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  if (spanMs === 0) {
    return [...(title === undefined ? [] : [title]), `nothing to plot: ${times.length} request(s)`].join(
      '\n',
    );
  }
  const height = Math.max(4, plot.height ?? 10);
  const limitRate = limit ? (limit.limit / limit.perMs) * 1000 : undefined;
  const right = limitRate === undefined ? '' : `┄ limit ${short(limitRate)}/s`;
  const columns = Math.max(40, plot.width ?? 80) - 7 - right.length;
  const rates = bars(times, spanMs, columns, limitRate);
  const { unit, limitRow } = scale(Math.max(0, ...rates), limitRate, height);
  const paint = (code: number, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);

  const row = (index: number): string => {
    const floor = index * unit;
    let line = '';
    for (let column = 0; column < columns; column++) {
      const rate = rates[Math.floor((column / columns) * rates.length)] ?? 0;
      const eighths = Math.max(0, Math.min(8, Math.round(((rate - floor) / unit) * 8)));
      const isOver = limitRow !== undefined && index > limitRow && eighths > 0;
      if (isOver) line += paint(OVER, eighths > 4 ? '▓' : (EIGHTHS[eighths] ?? ''));
      else if (eighths > 0) line += paint(BAR, EIGHTHS[eighths] ?? '');
      else line += index === limitRow ? paint(LINE, '┄') : ' ';
    }
    const isLimit = index === limitRow && limitRate !== undefined;
    const label = isLimit ? short(limitRate) : index === height - 1 ? short(floor + unit / 2) : '';
    const tick = label === '' ? '│' : '┤';
    return `${label.padStart(5)} ${tick}${line}${isLimit ? paint(LINE, right) : ''}`.trimEnd();
  };

  const rows = Array.from({ length: height }, (_, index) => row(height - 1 - index));
  const end = `${short(spanMs / 1000)} s`;
  return [
    ...(title === undefined ? [] : [title]),
    'req/s',
    ...rows,
    `${'0'.padStart(5)} └${'─'.repeat(columns)}`,
    `${' '.repeat(7)}0${end.padStart(columns - 1)}`,
  ].join('\n');
}

/** The height of each bar. */
function bars(times: Float64Array, spanMs: number, columns: number, limitRate = 0): Float64Array {
  const tenArrivalsMs = limitRate > 0 ? 10_000 / limitRate : 0;
  return gapRates(times, Math.max(1, Math.min(columns, Math.floor(spanMs / tenArrivalsMs))));
}

/**
 * How much a row stands for, and which row the limit runs through.
 * The line glyph is in the middle of its cell, so the unit is adjusted until the limit is, too.
 */
function scale(
  max: number,
  limitRate: number | undefined,
  height: number,
): { unit: number; limitRow?: number } {
  const unit = Math.max(max, (limitRate ?? 0) * 1.2, 1e-9) / height;
  if (limitRate === undefined) return { unit };
  const limitRow = Math.min(Math.floor(limitRate / unit), height - 2); // a row above it shows that nothing is there
  const bent = [limitRow, limitRow - 1]
    .map((row) => ({ unit: limitRate / (row + 0.5), limitRow: row }))
    .find((choice) => choice.limitRow >= 0 && choice.unit * height >= max);
  return bent ?? { unit, limitRow };
}

/** A number in at most five characters: 7, 2.5, 1200, 36k, 3e-4. */
function short(value: number): string {
  if (value < 0.05) return value.toExponential(0);
  if (value >= 10_000) return `${Math.round(value / 1000)}k`;
  return String(value >= 100 ? Math.round(value) : Math.round(value * 10) / 10);
}
