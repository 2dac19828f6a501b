/** A remaining time, in at most two units: `850ms`, `12.3s`, `4m 5s`, `3h 12m`, `2d 3h`. Pure. */
export function timeText(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  if (ms < 60_000) return `${Math.round(ms / 100) / 10}s`;
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string) => {
    const whole = Math.floor(ms / big);
    const rest = Math.floor((ms % big) / small);
    return rest === 0 ? `${whole}${bigUnit}` : `${whole}${bigUnit} ${rest}${smallUnit}`;
  };
  if (ms < 3_600_000) return pair(60_000, 'm', 1000, 's');
  if (ms < 86_400_000) return pair(3_600_000, 'h', 60_000, 'm');
  return pair(86_400_000, 'd', 3_600_000, 'h');
}

/** Bytes in the largest unit that leaves a whole number: 10485760 -> `10MiB`, 1000 -> `1000`. Pure. */
export function sizeText(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

/** A number to three digits, without an exponent and without trailing zeros. Pure. */
export function numberText(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}
