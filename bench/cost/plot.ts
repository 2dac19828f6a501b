/** A bar of the plot: CPU of one request, ms, in parts. */
export type Bar = { label: string; producer: number; workers: number; redis: number };

const width = 760;
const rowHeight = 26;
const left = 130;
const right = 70;

// Light, or dark if the reader's system is, with its own background: the picture may be on any page.
const style = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 15px; font-weight: 600 }
.page { fill: #ffffff } .producer { fill: #a5cdf5 } .workers { fill: #0550ae } .redis { fill: #cf222e }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .page { fill: #0d1117 } .producer { fill: #1f4f8a } .workers { fill: #79c0ff }
.redis { fill: #ff7b72 } }`;

/** What a request costs in each case, as a self-contained SVG of stacked bars. Pure. */
export function plotCost(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ producer, workers, redis }) => producer + workers + redis));
  const scale = (ms: number) => (ms / most) * (width - left - right);
  const height = 70 + bars.length * rowHeight;
  const rows = bars.map((bar, n) => {
    const y = 58 + n * rowHeight;
    let x = left;
    const parts = (['producer', 'workers', 'redis'] as const).map((part) => {
      const w = scale(bar[part]);
      const rect = `<rect class="${part}" x="${x.toFixed(1)}" y="${y}" width="${w.toFixed(1)}" height="18"/>`;
      x += w;
      return rect;
    });
    const sum = (bar.producer + bar.workers + bar.redis).toFixed(3);
    const texts = [
      `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${bar.label}</text>`,
      `<text x="${(x + 6).toFixed(1)}" y="${y + 13}">${sum} ms</text>`,
    ];
    return [...parts, ...texts].join('');
  });
  const legend = (['producer', 'workers', 'redis'] as const).map((part, n) => {
    const x = left + n * 110;
    const name = part === 'redis' ? 'Redis' : part;
    return `<rect class="${part}" x="${x}" y="34" width="12" height="12"/><text x="${x + 18}" y="44">${name}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${title}</title><style>${style}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<text class="title" x="12" y="22">${title}</text>`,
    ...legend,
    ...rows,
    '</svg>\n',
  ].join('\n');
}
