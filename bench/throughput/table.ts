import { spreadText, verdictOf } from '../method/ratio.ts';
import { contenders } from './contender.ts';
import { type Summary, twin } from './summary.ts';

/** The least that Sluice's requests per CPU second should be, relative to a contender's with so many workers. */
export const aims: readonly { contender: string; workers: number; ratio: number }[] = [
  { contender: 'plain', workers: 1, ratio: 2 },
  { contender: 'plain', workers: 2, ratio: 1.6 },
  { contender: 'careful', workers: 1, ratio: 1 },
];

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
  { head: 'Sluice x', of: ({ ratio }) => ratio?.own.median.toFixed(2) ?? '-' },
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
  return [
    ...lines,
    '',
    ...legend,
    '',
    'CPU is that of the workers and the producer, without Redis. Sluice x: its requests per CPU second over theirs,',
    'the median of the rounds; below with its 95 % interval, and again with the CPU of Redis.',
    ...rows.flatMap(ratioLine),
  ].join('\n');
}

function ratioLine({ contender, workers, ratio }: Summary): string[] {
  if (ratio === null) return [];
  const what = `  ${contender}${workers === 0 ? '' : `, ${workers} ${workers === 1 ? 'worker' : 'workers'}`}`;
  const figures = `${what}: ${spreadText(ratio.own)}; with Redis ${spreadText(ratio.withRedis)}`;
  if (contender === twin) return [`${figures}: the noise of this run`];
  const aim = aims.find((one) => one.contender === contender && one.workers === workers);
  if (aim === undefined) return [figures];
  const verdict = { met: 'met', missed: 'MISSED', open: 'not decided' }[verdictOf(ratio.own, aim.ratio)];
  return [`${figures}; aim ${aim.ratio}: ${verdict}`];
}
