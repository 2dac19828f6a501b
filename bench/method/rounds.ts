import { ForeignCpu } from './foreign-cpu.ts';

/** A round in which others used more of the machine than this is made again. */
export const mostForeign = 0.1;

/** What was measured of one case. */
export type Measured<Of, Figures> = { of: Of; warmUp: Figures; rounds: Figures[] };

export type Rounds<Of, Figures> = {
  cases: Measured<Of, Figures>[];
  /** Rounds that were made again, because others used the machine. */
  repeated: number;
  /** Rounds that count although others used the machine: it was never quiet. */
  disturbed: number;
  /** The median share of the machine that others used in the rounds that count; null: unknown. */
  foreign: number | null;
};

/**
 * Measures cases in turn, in short rounds, so that other load on the machine, its clock speed and its caches affect all
 * of them alike: only figures of the same round are compared. Every other round goes backwards, or the second case of a
 * pair would always find what the first one left. A round that others disturbed is made again, as often as there are
 * rounds in all; after that it counts, and the result says so.
 *
 * @param run measures one case. @param say hears how far it is
 */
export async function inRounds<Of, Figures>(
  of: readonly Of[],
  options: {
    rounds: number;
    warmUp: (one: Of) => Promise<Figures>;
    run: (one: Of) => Promise<Figures>;
    say: (text: string) => void;
    foreign?: { share(): number | null };
  },
): Promise<Rounds<Of, Figures>> {
  const cases: Measured<Of, Figures>[] = [];
  for (const one of of) cases.push({ of: one, warmUp: await options.warmUp(one), rounds: [] });
  const foreign = options.foreign ?? new ForeignCpu();
  const shares: number[] = [];
  let repeated = 0;
  let disturbed = 0;
  for (let round = 1; round <= options.rounds;) {
    options.say(`round ${round} of ${options.rounds}`);
    foreign.share();
    const figures = new Map<Of, Figures>();
    for (const { of: one } of round % 2 === 1 ? cases : cases.toReversed()) {
      figures.set(one, await options.run(one));
    }
    const share = foreign.share();
    const isDisturbed = share !== null && share > mostForeign;
    if (isDisturbed && repeated < options.rounds) {
      repeated += 1;
      options.say(`others used ${(share * 100).toFixed(0)} % of the machine: once more`);
      continue;
    }
    if (isDisturbed) disturbed += 1;
    if (share !== null) shares.push(share);
    for (const one of cases) one.rounds.push(figures.get(one.of)!);
    round += 1;
  }
  const middle = shares.toSorted((a, b) => a - b)[Math.floor(shares.length / 2)];
  return { cases, repeated, disturbed, foreign: middle ?? null };
}

/** What the rounds say of the machine. */
export function quietText({ repeated, disturbed, foreign }: Omit<Rounds<unknown, unknown>, 'cases'>): string {
  if (foreign === null) return 'How much of the machine others used cannot be told here.';
  const used = `Others used ${(foreign * 100).toFixed(1)} % of the machine (median); rounds made again: ${repeated}.`;
  return disturbed === 0
    ? used
    : `${used} NOT QUIET: ${disturbed} rounds count in which they used over 10 %.`;
}
