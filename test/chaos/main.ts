import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installedServer } from '../lab/own-redis.ts';
import { type Report, check } from './check.ts';
import { type ChaosOptions, readOptions, usage } from './options.ts';
import type { RunRecords } from './records.ts';
import { reportText } from './report-text.ts';
import { type Standing, run } from './run.ts';
import { timelineSvg, timelineText } from './timeline.ts';

const logEveryMs = 15_000;

/** Where the run stands, on standard error: in place on a terminal, else a line now and then. */
function showProgress(): (standing: Standing) => void {
  let last = Number.NEGATIVE_INFINITY;
  return ({ phase, ms, faults, planned }) => {
    const text = `${phase.padEnd(8)} ${Math.floor(ms / 1000)} s, fault ${faults} of ${planned}`;
    if (process.stderr.isTTY) return void process.stderr.write(`\r\x1b[K${text}`);
    if (performance.now() - last < logEveryMs) return;
    last = performance.now();
    process.stderr.write(`${text}\n`);
  };
}

async function oneSeed(seed: number, { minutes, out }: ChaosOptions, signal: AbortSignal): Promise<Report> {
  console.log(`chaos: seed ${seed}, ${minutes} min`);
  const records = await run(seed, minutes, showProgress(), signal);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const report = check(records);
  console.log(
    `${timelineText(records, Math.min(process.stdout.columns ?? 120, 160))}\n\n${reportText(report)}\n`,
  );
  if (report.violations.length > 0) {
    const file = join(mkdtempSync(join(tmpdir(), 'sluice-chaos-')), `seed-${seed}.json`);
    writeFileSync(file, recordsJson(records));
    console.log(`everything that was written down: ${file}\n`);
  }
  if (out !== null) {
    mkdirSync(out, { recursive: true });
    const file = join(out, `seed-${seed}.svg`);
    const { lost, violations } = report;
    writeFileSync(file, timelineSvg(records, `seed ${seed}: ${lost} lost, ${violations.length} violations`));
    console.log(`timeline: ${file}\n`);
  }
  return report;
}

function recordsJson(records: RunRecords): string {
  const { ends, outcomes, ...rest } = records;
  return JSON.stringify({ ...rest, ends: Object.fromEntries(ends), outcomes: [...outcomes] });
}

/** The sums over several seeds. */
function sumsText(reports: Report[]): string {
  const sum = (value: (report: Report) => number) =>
    reports.reduce((total, report) => total + value(report), 0);
  const kills = sum(({ effects }) => effects.filter(({ fault }) => fault.kind === 'worker killed').length);
  const duplicated = sum(({ effects }) => effects.reduce((total, effect) => total + effect.duplicated, 0));
  return (
    `${reports.length} seeds, ${kills} workers killed: ${sum(({ jobs }) => jobs)} jobs, ${sum(({ lost }) => lost)} lost, ` +
    `${sum(({ wronglyFailed }) => wronglyFailed)} wrongly failed, ${duplicated} requests made again, ` +
    `${sum(({ violations }) => violations.length)} violations`
  );
}

async function main(): Promise<number> {
  let options: ChaosOptions | 'help';
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`chaos: ${(error as Error).message}\n\n${usage}`);
    return 1;
  }
  if (options === 'help') {
    console.log(usage);
    return 0;
  }
  if (installedServer() === undefined) {
    console.error('chaos: install Redis >= 7 or Valkey >= 8: the run kills and freezes a server of its own');
    return 1;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const reports: Report[] = [];
  try {
    for (let n = 0; n < options.seeds; n++)
      reports.push(await oneSeed(options.seed + n, options, stop.signal));
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    console.error('\nchaos: stopped');
    return 130;
  }
  if (options.seeds > 1) console.log(sumsText(reports));
  return reports.every(({ violations }) => violations.length === 0) ? 0 : 1;
}

// Not by the exit code alone: Node 24 then waits for ever for writes on connections that were reset (CleanupHandles).
process.exit(await main());
