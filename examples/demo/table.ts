import type { RunSummary } from '../../packages/cli/src/run/summary.ts';

/** What the upstream saw, against what it allows. */
export type Seen = { refused: number; worst: number; limit: number; perMs: number };

/** The end of the demo as a small table. Pure. */
export function demoTable(summary: RunSummary, seen: Seen): string {
  const rows: [name: string, value: string, note: string][] = [
    ['done', String(summary.completed), `of ${summary.jobs}`],
    ['failed', String(summary.failed), ''],
    ['429s', String(seen.refused), ''],
    [
      'requests/s',
      summary.requestsPerSecond.toFixed(1),
      `the limit is ${((seen.limit / seen.perMs) * 1000).toFixed(1)}`,
    ],
    [`most in any ${seen.perMs / 1000} s`, String(seen.worst), `the limit is ${seen.limit}`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .map(([name, value, note]) => `  ${name.padEnd(width)}  ${value.padStart(6)}  ${note}`.trimEnd())
    .join('\n');
}
