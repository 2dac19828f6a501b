import type { JobSpec } from '@sluice/shared';
import { readLines } from './lines.ts';
import { parseLine } from './parse-line.ts';
import type { Source } from './source.ts';

/** What the first pass over an input found. */
export type Checked = {
  jobs: number;
  /** Lines that cannot be a job. */
  faults: number;
  /** The one origin that all jobs go to; null when there are several, or no job. */
  origin: string | null;
};

/**
 * The first pass: every line is checked before anything is enqueued. Memory does not grow with the input, except for
 * the ids that job specs give.
 * @param report called for each bad line, as it is found
 */
export async function checkInput(
  source: Source,
  report: (line: number, message: string) => void,
): Promise<Checked> {
  const checked: Checked = { jobs: 0, faults: 0, origin: null };
  const ids = new Map<string, number>();
  let mixed = false;
  const fault = (line: number, message: string) => {
    checked.faults += 1;
    report(line, message);
  };
  for await (const line of readLines(source.read())) {
    const parsed = parseLine(line);
    if (parsed.type === 'skip') continue;
    if (parsed.type === 'fault') {
      fault(line.number, parsed.message);
      continue;
    }
    const { id, url } = parsed.spec;
    const first = id === undefined ? undefined : ids.get(id);
    if (first !== undefined) {
      fault(line.number, `id: "${id}" is also the id of line ${first}; give each job its own, or none`);
      continue;
    }
    if (id !== undefined) ids.set(id, line.number);
    checked.jobs += 1;
    if (mixed) continue;
    const { origin } = new URL(url);
    checked.origin ??= origin;
    mixed = checked.origin !== origin;
  }
  if (mixed) checked.origin = null;
  return checked;
}

/**
 * The second pass: the jobs, one by one, as they are asked for.
 * @throws Error when a line has become bad since it was checked
 */
export async function* readSpecs(source: Source): AsyncGenerator<JobSpec, void, undefined> {
  for await (const line of readLines(source.read())) {
    const parsed = parseLine(line);
    if (parsed.type === 'fault')
      throw new Error(`${source.path} changed while it was read: line ${line.number} ${parsed.message}`);
    if (parsed.type === 'spec') yield parsed.spec;
  }
}
