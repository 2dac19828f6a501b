import { contenders } from './contender.ts';
import type { Summary } from './summary.ts';

/** The least that Sluice's requests per CPU second should be, relative to each contender's. */
export const aims: Readonly<Record<string, number>> = { plain: 1.4, careful: 0.75 };

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);

const columns: { head: string; of: (row: Summary, waiting: ReadonlyMap<string, number>) => string }[] = [
  { head: 'contender', of: ({ contender }) => contender },
  { head: 'workers', of: ({ workers }) => (workers === 0 ? '-' : String(workers)) },
  { head: 'requests/s', of: (row) => row.requestsPerSecond.toFixed(0) },
  { head: 'CPU ms/request', of: (row) => row.cpuMs.toFixed(3) },
  { head: 'producer', of: (row) => row.producerCpuMs.toFixed(3) },
  { head: 'Redis CPU ms', of: (row) => row.redisCpuMs.toFixed(3) },
  { head: 'producer MiB', of: (row) => mib(row.producerPeakRssBytes) },
  { head: 'worker MiB', of: (row) => (row.workers === 0 ? '-' : mib(row.workerPeakRssBytes)) },
  { head: 'Redis B/waiting', of: ({ contender }, waiting) => waiting.get(contender)?.toFixed(0) ?? '-' },
  { head: 'Redis kept KiB', of: (row) => (row.redisGrowthBytes / 1024).toFixed(0) },
  { head: 'Sluice x', of: ({ sluiceRatio }) => sluiceRatio?.toFixed(2) ?? '-' },
];

/** The results as text: a table, a legend, the aims. @param waiting Redis bytes of a waiting job, by contender */
export function tableText(rows: readonly Summary[], waiting: ReadonlyMap<string, number>): string {
  const cells = [
    columns.map(({ head }) => head),
    ...rows.map((row) => columns.map(({ of }) => of(row, waiting))),
  ];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const lines = cells.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  '),
  );
  const named = new Set(rows.map(({ contender }) => contender));
  const legend = contenders
    .filter(({ name }) => named.has(name))
    .map(({ name, what }) => `  ${name.padEnd(9)}  ${what}`);
  const verdicts = rows.flatMap(({ contender, workers, sluiceRatio }) => {
    const aim = aims[contender];
    if (aim === undefined || sluiceRatio === null) return [];
    const met = sluiceRatio >= aim ? 'met' : 'MISSED';
    return `  ${contender}, ${workers} workers: ${sluiceRatio.toFixed(2)} x, aim ${aim} x: ${met}`;
  });
  return [
    ...lines,
    '',
    ...legend,
    '',
    'CPU is that of the workers and the producer, without Redis. Sluice x: its requests per CPU second over theirs.',
    ...verdicts,
  ].join('\n');
}
