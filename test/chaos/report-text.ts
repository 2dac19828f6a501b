import type { Report } from './check.ts';
import { faultKinds } from './plan.ts';

const shownOfEach = 5;

/** The table of a run: fault -> how often -> jobs touched -> requests made again, then what was found. */
export function reportText(report: Report): string {
  const rows = faultKinds.map((kind) => {
    const effects = report.effects.filter(({ fault }) => fault.kind === kind);
    const sum = (value: (effect: Report['effects'][number]) => number) =>
      effects.reduce((total, effect) => total + value(effect), 0);
    return [kind, effects.length, sum(({ touched }) => touched), sum(({ duplicated }) => duplicated)];
  });
  const line = (cells: (string | number)[]) =>
    cells
      .map((cell, column) => (column === 0 ? String(cell).padEnd(20) : String(cell).padStart(14)))
      .join('');
  const { jobs, accepted, settled, requests, worstWindow } = report;
  return [
    line(['fault', 'count', 'jobs touched', 'duplicated']),
    ...rows.map(line),
    '',
    `${jobs} jobs, ${accepted} accepted, ${settled} heard of; ${requests} requests, at most ${worstWindow} in any window`,
    `${report.lost} lost, ${report.wronglyFailed} wrongly failed, ${report.ambiguous} ambiguous (at-most-once)`,
    ...violationsText(report),
  ].join('\n');
}

function violationsText({ violations }: Report): string[] {
  if (violations.length === 0) return ['nothing was violated'];
  const kinds = Map.groupBy(violations, ({ what }) => what);
  return [...kinds].flatMap(([what, cases]) => [
    `VIOLATED: ${what} (${cases.length})`,
    ...cases.slice(0, shownOfEach).map(({ detail }) => `    ${detail}`),
    ...(cases.length > shownOfEach ? [`    … and ${cases.length - shownOfEach} more`] : []),
  ]);
}
