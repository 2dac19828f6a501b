import { z } from 'zod';

const units: Record<string, number> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
};

/** `"10MiB"`, `"512KiB"`, `"1000"` or a number of bytes, up to `maxGiB`. The parsed value is bytes. */
export function byteSize(maxGiB: number) {
  const hint = `is not a size from 1 B to ${maxGiB} GiB; write "10MiB" or a number of bytes`;
  return z.union([z.number(), z.string()], { error: hint }).transform((value, ctx) => {
    const match = /^(\d+)\s*(B|KiB|MiB|GiB|kB|MB|GB)?$/.exec(String(value).trim());
    const bytes = match ? Number(match[1]) * units[match[2] ?? 'B']! : Number.NaN;
    if (!(bytes >= 1 && bytes <= maxGiB * 2 ** 30)) {
      ctx.addIssue(`"${value}" ${hint}`);
      return z.NEVER;
    }
    return bytes;
  });
}
