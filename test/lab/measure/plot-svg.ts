import { duration, ticks } from './axis.ts';
import { ratePerSecond, slidingCounts, worstWindow } from './window.ts';

/** What an SVG plot shows. */
export interface SvgPlot {
  /** When requests arrived, ms. */
  times: ArrayLike<number>;
  /** The limit line, and the window that is slid. */
  limit: { limit: number; perMs: number };
  title: string;
  /** px. Default 760. */
  width?: number;
  /** px. Default 340. */
  height?: number;
}

const MARGIN = { top: 76, right: 20, bottom: 46, left: 64 };

// Light, or dark if the reader's system is, with its own background: the picture may be on any page.
const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 15px; font-weight: 600 }
.page { fill: #ffffff } .grid { stroke: #d8dee4 } .axis { stroke: #59636e } .bar { fill: #a5cdf5 }
.window { fill: none; stroke: #0550ae; stroke-width: 1.8; stroke-linejoin: round }
.limit { stroke: #cf222e; stroke-width: 1.8; stroke-dasharray: 7 4 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .page { fill: #0d1117 } .grid { stroke: #262c34 } .axis { stroke: #9198a1 }
.bar { fill: #1f4f8a } .window { stroke: #79c0ff } .limit { stroke: #ff7b72 } }`;

/**
 * Arrivals over time against the limit, as one self-contained SVG: bars for the arrivals per bucket, a line for what
 * the sliding window held, a dashed line for the limit. All three are plain counts on one axis: where the line stands
 * above the limit, the limit was broken.
 * The size does not grow with the number of arrivals.
 */
export function plotSvg(plot: SvgPlot): string {
  const { limit, perMs } = plot.limit;
  const { width = 760, height = 340 } = plot;
  const times = new Float64Array(plot.times).sort();
  const from = times[0] ?? 0;
  const spanMs = Math.max((times.at(-1) ?? 0) - from, 1);
  const plotWidth = width - MARGIN.left - MARGIN.right;
  const bottom = height - MARGIN.bottom;

  const bars = buckets(times, spanMs, perMs);
  const line = windowMaxima(times, perMs, spanMs, Math.floor(plotWidth));
  const top = Math.max(limit * 1.15, ...bars.counts, ...line) * 1.02;
  const x = (ms: number): number => round(MARGIN.left + (ms / spanMs) * plotWidth);
  const y = (count: number): number => round(bottom - (count / top) * (bottom - MARGIN.top));

  const worst = worstWindow(times, perMs).count;
  const summary = `${times.length} requests, worst window ${worst} of ${limit} per ${duration(perMs)}`;
  const per = duration(perMs);

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(plot.title)}</title><desc>${summary}</desc><style>${STYLE}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<text class="title" x="${MARGIN.left}" y="24">${escaped(plot.title)}</text>`,
    `<text x="${MARGIN.left}" y="42">${summary}</text>`,
    legend(bars.bucketMs, per, limit),
    ...ticks(top, 5).map((count) => gridLine(count, y(count), width)),
    bars.counts.map((count, bucket) => bar(count, bucket)).join(''),
    `<path class="window" d="M${line.map((count, n) => `${x((n + 1) * (spanMs / line.length))} ${y(count)}`).join('L')}"/>`,
    `<path class="limit" d="M${MARGIN.left} ${y(limit)}H${width - MARGIN.right}"/>`,
    `<path class="axis" d="M${MARGIN.left} ${bottom}H${width - MARGIN.right}"/>`,
    ...ticks(spanMs / 1000, 10).map(
      (s) => `<text x="${x(s * 1000)}" y="${bottom + 18}" text-anchor="middle">${s}</text>`,
    ),
    `<text x="${width - MARGIN.right}" y="${height - 8}" text-anchor="end">seconds since the first arrival</text>`,
    `<text transform="translate(16 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle">requests</text>`,
    '</svg>',
    '',
  ].join('\n');

  function bar(count: number, bucket: number): string {
    const left = x(bucket * bars.bucketMs);
    const barWidth = round(Math.max(0.5, x((bucket + 1) * bars.bucketMs) - left - 0.6));
    return `<rect class="bar" x="${left}" y="${y(count)}" width="${barWidth}" height="${round(bottom - y(count))}"/>`;
  }
}

/** Arrivals per bucket of about a tenth of a window. Buckets divide the span evenly, so the last shows no false dip. */
function buckets(times: Float64Array, spanMs: number, perMs: number): { bucketMs: number; counts: number[] } {
  const number = Math.min(240, Math.max(40, Math.round(spanMs / (perMs / 10))));
  const { bucketMs, rates } = ratePerSecond(times, spanMs / number);
  return { bucketMs, counts: [...rates].map((rate) => Math.round((rate * bucketMs) / 1000)) };
}

/** The most that a window ending in each column of pixels held: even a peak of one arrival must stay visible. */
function windowMaxima(times: Float64Array, perMs: number, spanMs: number, columns: number): number[] {
  const counts = slidingCounts(times, perMs);
  const from = times[0] ?? 0;
  let next = 0;
  let oldest = 0;
  return Array.from({ length: columns }, (_, column) => {
    const end = column === columns - 1 ? Infinity : from + ((column + 1) / columns) * spanMs;
    const first = next;
    let most = 0;
    for (; next < times.length && (times[next] ?? end) < end; next++) {
      most = Math.max(most, counts[next] ?? 0);
    }
    // Nothing arrived in this column, so take what the window still holds at its end.
    while (oldest < next && (times[oldest] ?? end) <= end - perMs) oldest++;
    return next > first ? most : next - oldest;
  });
}

function gridLine(count: number, y: number, width: number): string {
  return (
    `<path class="grid" d="M${MARGIN.left} ${y}H${width - MARGIN.right}"/>` +
    `<text x="${MARGIN.left - 8}" y="${y + 4}" text-anchor="end">${count}</text>`
  );
}

function legend(bucketMs: number, per: string, limit: number): string {
  const y = 60;
  const items = [
    {
      mark: `<rect class="bar" y="${y - 9}" width="18" height="10"/>`,
      text: `in each ${duration(bucketMs)}`,
    },
    { mark: `<path class="window" d="M0 ${y - 4}h18"/>`, text: `in the ${per} before` },
    { mark: `<path class="limit" d="M0 ${y - 4}h18"/>`, text: `limit ${limit} per ${per}` },
  ];
  return items
    .map(({ mark, text }, n) => {
      return `<g transform="translate(${MARGIN.left + n * 165} 0)">${mark}<text x="24" y="${y}">${text}</text></g>`;
    })
    .join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
