import { z } from 'zod';

/** A text with a unit (`"250ms"`, `"30s"`, `"5m"`, `"1h"`, `"7d"`), or whole milliseconds. */
export type Duration = string | number;

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Milliseconds of a duration text such as `250ms`, `30s`, `5m`, `1h`, `1.5s`; null when it is not one.
 * A bare number has no unit and is not one, so that `--timeout 30` cannot mean 30 ms by accident.
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  if (!match) return null;
  return Math.round(Number(match[1]) * (unitMs[match[2]!] ?? 1));
}

/** The shortest text for a number of milliseconds: 60000 -> `1m`, 90000 -> `90s`, 250 -> `250ms`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = unitMs[unit]!;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${Math.round(ms * 1000) / 1000}ms`;
}

/** Milliseconds as an integer, or a text with a unit (`"30s"`). The parsed value is always milliseconds. */
export function duration(limits: { min: number; max: number }) {
  return z
    .union([z.number(), z.string()], {
      error: 'expected a duration such as "30s", or milliseconds as a number',
    })
    .transform((value, ctx) => {
      const ms = typeof value === 'number' ? value : parseDuration(value);
      if (ms === null || !Number.isInteger(ms)) {
        ctx.addIssue(
          `"${value}" is not a duration: write a number and a unit, such as "250ms", "30s", "5m", "1h"`,
        );
        return z.NEVER;
      }
      if (ms < limits.min || ms > limits.max) {
        ctx.addIssue(`must be between ${formatDuration(limits.min)} and ${formatDuration(limits.max)}`);
        return z.NEVER;
      }
      return ms;
    });
}
