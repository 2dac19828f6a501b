const eighths = '▁▂▃▄▅▆▇█';

/** Values over time as one line of bars from 0: what is flat looks flat. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(...values, Number.MIN_VALUE);
  return values.map((value) => eighths[Math.min(7, Math.floor((value / most) * 8))]).join('');
}
