import type { ArrivalColumns } from './arrivals.ts';
import type { ClockMark } from './clock.ts';
import type { UpstreamOptions, UpstreamSettings } from './options.ts';

/** What the starting process asks of an upstream in its own process, and the answers. */
export interface Control {
  start: { ask: { options: UpstreamOptions; clock: ClockMark }; answer: { url: string; port: number } };
  arrivalColumns: { ask: null; answer: ArrivalColumns };
  inFlight: { ask: null; answer: number };
  reset: { ask: null; answer: null };
  set: { ask: Partial<UpstreamSettings>; answer: null };
}

/** One question on the IPC channel. */
export type Ask = {
  [Verb in keyof Control]: { id: number; verb: Verb; ask: Control[Verb]['ask'] };
}[keyof Control];

/** The answer to the question of the same id. */
export type Answer<Verb extends keyof Control> = { id: number } & (
  | { value: Control[Verb]['answer'] }
  | { error: Error }
);
