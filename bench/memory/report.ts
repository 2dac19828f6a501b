import { median } from '../method/ratio.ts';
import type { Sample } from './sample.ts';
import { sparkline } from './sparkline.ts';

/** What is kept after all jobs may be this many times what is kept after a tenth of them. */
export const aim = 1.1;

export type Verdict = { what: string; before: number; after: number; ratio: number; met: boolean };

/** A figure that varies for reasons other than leaks, and so is only reported. */
export type Remark = Omit<Verdict, 'met'> & { because: string };

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(2);

/** The first and the last sample at rest; null when the run did not get that far. */
function pointsOf(samples: readonly Sample[]): { first: Sample; last: Sample } | null {
  const rests = samples.filter(({ atRest }) => atRest);
  const [first, last] = [rests[0], rests.at(-1)];
  return first === undefined || last === undefined || first === last ? null : { first, last };
}

/** The two points at rest, compared. */
export function verdictsOf(samples: readonly Sample[]): Verdict[] {
  const points = pointsOf(samples);
  if (points === null) return [];
  const { first, last } = points;
  const verdict = (what: string, before: number, after: number) => {
    const ratio = after / before;
    return { what, before, after, ratio, met: ratio <= aim };
  };
  return [
    verdict('Redis', first.used, last.used),
    ...first.processes.map(({ name, heap }, index) =>
      verdict(`live heap of the ${name}`, heap, last.processes[index]!.heap),
    ),
  ];
}

export function remarksOf(samples: readonly Sample[]): Remark[] {
  const points = pointsOf(samples);
  if (points === null) return [];
  const { first, last } = points;
  const running = samples.filter(({ atRest, jobs }) => !atRest && jobs > first.jobs);
  const few = Math.max(1, Math.floor(running.length / 9));
  const parts = [running.slice(0, few + 1), running.slice(-few - 1)] as const;
  const [before, after] = parts.map((part) => median(part.map(({ used }) => used)));
  const [slow, fast] = parts.map((part) => {
    const [start, end] = [part[0]!, part.at(-1)!];
    return Math.round((end.jobs - start.jobs) / (end.seconds - start.seconds));
  });
  const remark = (what: string, from: number, to: number, because: string) => {
    return { what, before: from, after: to, ratio: to / from, because };
  };
  return [
    remark(
      'Redis while it works',
      before!,
      after!,
      `what is kept for seconds depends on the jobs per second: ${slow} -> ${fast}`,
    ),
    ...first.processes.map(({ name, rss }, index) =>
      remark(`RSS of the ${name}`, rss, last.processes[index]!.rss, 'V8 gives memory back when it likes'),
    ),
  ];
}

type Column = { head: string; of: (sample: Sample) => string };

function columnsOf(samples: readonly Sample[]): Column[] {
  const groups = ['outcome', 'record', 'job', 'replies', 'watchers', 'cancel', 'sent'];
  const processes = samples[0]!.processes.map(({ name }) => name);
  return [
    { head: 'jobs', of: ({ jobs }) => String(jobs) },
    { head: '', of: ({ atRest }) => (atRest ? 'rest' : '') },
    { head: 's', of: ({ seconds }) => seconds.toFixed(0) },
    { head: 'used MiB', of: ({ used }) => mib(used) },
    { head: 'dataset', of: ({ dataset }) => mib(dataset) },
    { head: 'keys', of: ({ keys }) => String(keys) },
    ...groups.map((head) => ({ head, of: (sample: Sample) => String(sample.groups[head]?.keys ?? 0) })),
    { head: 'scripts', of: ({ scripts }) => String(scripts) },
    ...processes.map((name, index) => ({
      head: `${name} RSS`,
      of: (sample: Sample) => mib(sample.processes[index]!.rss).replace(/\.\d+$/, ''),
    })),
  ];
}

/** Every fifth of the samples under load, and all samples at rest. */
export function tableText(samples: readonly Sample[]): string {
  if (samples.length === 0) return 'nothing was measured';
  const shown = samples.filter(({ atRest }, index) => atRest || index % 5 === 0);
  const columns = columnsOf(samples);
  const cells = [
    columns.map(({ head }) => head),
    ...shown.map((sample) => columns.map(({ of }) => of(sample))),
  ];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  return cells
    .map((line) => line.map((cell, column) => cell.padStart(widths[column]!)).join('  '))
    .join('\n');
}

/** What is kept at rest, by kind, at the first point and at the last. */
export function groupsText(samples: readonly Sample[]): string {
  const points = pointsOf(samples);
  if (points === null) return '';
  const { first, last } = points;
  const names = [...new Set([first, last].flatMap(({ groups }) => Object.keys(groups)))].sort();
  const cell = (sample: Sample, name: string) => {
    const { keys, bytes } = sample.groups[name] ?? { keys: 0, bytes: 0 };
    return `${String(keys).padStart(8)} keys ${(bytes / 1024).toFixed(0).padStart(8)} KiB`;
  };
  return [
    `kept in Redis at rest, after ${first.jobs} and after ${last.jobs} jobs`,
    ...names.map((name) => `  ${name.padEnd(20)} ${cell(first, name)}  ->${cell(last, name)}`),
  ].join('\n');
}

export function linesText(samples: readonly Sample[]): string {
  const working = samples.filter(({ atRest }) => !atRest);
  if (working.length === 0) return '';
  const line = (name: string, of: (sample: Sample) => number) => {
    const values = working.map(of);
    return `${name.padEnd(14)} ${sparkline(values)}  ${mib(Math.min(...values))} to ${mib(Math.max(...values))} MiB`;
  };
  return [
    line('Redis', ({ used }) => used),
    ...working[0]!.processes.map(({ name }, index) =>
      line(`${name} RSS`, (sample) => sample.processes[index]!.rss),
    ),
  ].join('\n');
}

export function verdictsText(verdicts: readonly Verdict[], remarks: readonly Remark[]): string {
  const figures = ({ what, before, after, ratio }: Omit<Verdict, 'met'>) =>
    `${what.padEnd(26)} ${mib(before)} -> ${mib(after)} MiB, x ${ratio.toFixed(3)}`;
  return [
    ...verdicts.map((one) => `${figures(one)}; aim x ${aim}: ${one.met ? 'met' : 'MISSED'}`),
    ...remarks.map((one) => `${figures(one)}; not judged (${one.because})`),
  ].join('\n');
}
