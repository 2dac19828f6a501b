import { type FaultKind, faultKinds } from './plan.ts';
import type { RunRecords } from './records.ts';

/** What a picture of a run shows: requests over time, and a lane for each kind of fault. */
export interface Timeline {
  /** Epoch ms. */
  from: number;
  to: number;
  /** Requests per second in each of equal parts of the time. */
  rates: number[];
  limitRate: number;
  lanes: { kind: FaultKind; faults: { start: number; end: number }[] }[];
}

/** @param parts how many equal parts */
export function timelineOf({ requests, faults, rate }: RunRecords, parts: number): Timeline {
  const times = requests.map(({ t }) => t);
  const from = Math.min(...faults.map(({ start }) => start), ...times.slice(0, 1));
  const to = times.reduce((latest, t) => Math.max(latest, t), from + 1);
  const partMs = (to - from) / parts;
  const counts = Array.from({ length: parts }, () => 0);
  for (const t of times) counts[Math.min(parts - 1, Math.max(0, Math.floor((t - from) / partMs)))]! += 1;
  return {
    from,
    to,
    rates: counts.map((count) => (count / partMs) * 1000),
    limitRate: (rate.limit / rate.perMs) * 1000,
    lanes: faultKinds.map((kind) => ({ kind, faults: faults.filter((fault) => fault.kind === kind) })),
  };
}

const eighths = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const labelWidth = 20;

/** For a terminal of so many columns: the rate as one row of bars, below it a row for each kind of fault. */
export function timelineText(records: RunRecords, columns: number): string {
  const width = columns - labelWidth;
  const { rates, limitRate, lanes, from, to } = timelineOf(records, width);
  const bars = rates.map((rate) => eighths[Math.min(8, Math.round((rate / limitRate) * 8))]).join('');
  const column = (t: number) =>
    Math.min(width - 1, Math.max(0, Math.floor(((t - from) / (to - from)) * width)));
  const rows = lanes.map(({ kind, faults }) => {
    const cells = Array.from({ length: width }, () => '·');
    for (const { start, end } of faults) {
      for (let at = column(start) + 1; at <= column(end); at++) cells[at] = '─';
      cells[column(start)] = '×';
    }
    return kind.padEnd(labelWidth) + cells.join('');
  });
  const seconds = `${Math.round((to - from) / 1000)} s`;
  return [
    `requests (█ ${limitRate}/s)`.padEnd(labelWidth) + bars,
    ...rows,
    `${''.padEnd(labelWidth)}0${seconds.padStart(width - 1)}`,
  ].join('\n');
}

const lane = 22;
const chart = 120;
const left = 150;
const width = 1100;
const top = 50;

/** The same as a picture. */
export function timelineSvg(records: RunRecords, title: string): string {
  const { rates, limitRate, lanes, from, to } = timelineOf(records, 400);
  const height = top + chart + 30 + lanes.length * lane + 40;
  const x = (t: number) => round(left + ((t - from) / (to - from)) * (width - left - 20));
  const highest = Math.max(limitRate, ...rates) * 1.1;
  const y = (rate: number) => round(top + chart - (rate / highest) * chart);
  const partMs = (to - from) / rates.length;
  const barsOf = rates.map((rate, part) => {
    const at = x(from + part * partMs);
    const size = round(Math.max(0.5, x(from + (part + 1) * partMs) - at));
    return `<rect class="bar" x="${at}" y="${y(rate)}" width="${size}" height="${round(top + chart - y(rate))}"/>`;
  });
  const rows = lanes.flatMap(({ kind, faults }, index) => {
    const middle = top + chart + 30 + index * lane + lane / 2;
    return [
      `<text x="${left - 8}" y="${middle + 4}" text-anchor="end">${kind}</text>`,
      `<path class="lane" d="M${left} ${middle}H${width - 20}"/>`,
      ...faults.map(({ start, end }) => {
        const size = round(Math.max(3, x(Math.min(end, to)) - x(start)));
        return `<rect class="fault" x="${x(start)}" y="${middle - 6}" width="${size}" height="12"/>`;
      }),
    ];
  });
  const bottom = height - 14;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<style>text{font:12px sans-serif;fill:#333}.bar{fill:#4a90c2}.limit{stroke:#c0392b;stroke-dasharray:4 3}',
    '.lane{stroke:#ddd}.fault{fill:#e08e2b}</style>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${left}" y="24" style="font-weight:bold">${title}</text>`,
    `<text x="${left - 8}" y="${y(limitRate) + 4}" text-anchor="end">${limitRate}/s</text>`,
    ...barsOf,
    `<path class="limit" d="M${left} ${y(limitRate)}H${width - 20}"/>`,
    ...rows,
    `<text x="${left}" y="${bottom}">0</text>`,
    `<text x="${width - 20}" y="${bottom}" text-anchor="end">${Math.round((to - from) / 1000)} s</text>`,
    '</svg>',
    '',
  ].join('\n');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
