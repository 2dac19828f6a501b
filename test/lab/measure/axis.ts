/** Round numbers from 0 to `max`, about `count` of them: steps of 1, 2 or 5 times a power of ten. */
export function ticks(max: number, count: number): number[] {
  if (!(max > 0)) return [0];
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
  // Multiplied, not added up: a sum of tenths ends in 0.30000000000000004.
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, n) =>
    Number((n * step).toPrecision(12)),
  );
}

/** A duration in the unit a reader would choose: 250 ms, 10 s, 1 h. */
export function duration(ms: number): string {
  if (ms >= 3_600_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  return ms >= 1000 ? `${Number((ms / 1000).toPrecision(3))} s` : `${Number(ms.toPrecision(3))} ms`;
}
