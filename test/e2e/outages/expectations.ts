import { expect } from 'vitest';
import { worstWindow } from '../../lab/measure/window.ts';
import type { ShakyFleet } from './shaky-fleet.ts';
import { type FaultReport, limit } from './steady-load.ts';

/**
 * What holds after every fault, on any machine: requests arrive again, and never above the limit. (That every job has
 * ended with a response is seen to by `reportOf`; how soon the rate is back is a figure of `npm run bench -- delays`.)
 */
export function expectRecovered(report: FaultReport): void {
  const backAfterMs = report.times.find((t) => t > report.healedAt)! - report.healedAt;
  console.log(
    `back ${Math.round(backAfterMs)} ms after the fault; ${report.inFlight} requests were under way`,
  );
  expect(worstWindow(report.times, 1000).count).toBeLessThanOrEqual(limit);
}

/** The workers said nothing but log lines, and none of them of an error that nobody handled. */
export function expectQuiet({ workers }: ShakyFleet): void {
  for (const { stdout, stderr } of workers) {
    const lines = `${stdout}${stderr}`.split('\n').filter((text) => text !== '');
    const strange = lines.filter(
      (line) => !line.startsWith('{') || /unhandled|uncaught|TypeError|ReferenceError/i.test(line),
    );
    expect(strange).toEqual([]);
  }
}
