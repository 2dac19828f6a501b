import { SluiceError, duration, rateSchema } from '@sluice/shared';
import type { DemoUpstreamOptions } from './server.ts';

/** The options of `sluice demo-upstream`, as typed. */
export type RawDemoUpstreamOptions = {
  port: string;
  host: string;
  rate?: string;
  retryAfter: string;
  latency: string;
  failures: string;
};

/** A log of the window is held in memory, 8 bytes a request. */
const mostInWindow = 1_000_000;

const time = duration({ min: 0, max: 3_600_000 });

/** `50ms`, or `50ms-200ms`. @returns null when it is neither */
function range(text: string): readonly [number, number] | null {
  const [from = '', to = from, ...rest] = text.split('-');
  const [min, max] = [time.safeParse(from).data, time.safeParse(to).data];
  return min === undefined || max === undefined || max < min || rest.length > 0 ? null : [min, max];
}

/** `5%` or `0.05`. @returns null when it is not a share */
function share(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  if (match === null) return null;
  const value = Number(match[1]) / (match[2] === '%' ? 100 : 1);
  return value <= 1 ? value : null;
}

/** Checks the options. Pure. @throws SluiceError SLUICE_INVALID_CONFIG that lists every fault */
export function readDemoUpstreamOptions(raw: RawDemoUpstreamOptions): DemoUpstreamOptions {
  const faults: string[] = [];
  const port = /^\d{1,5}$/.test(raw.port) ? Number(raw.port) : Number.NaN;
  if (!(port <= 65_535)) faults.push(`--port: "${raw.port}" is not a port from 0 to 65535`);
  const rate = raw.rate === undefined ? undefined : rateSchema.safeParse(raw.rate);
  for (const issue of rate?.error?.issues ?? []) faults.push(`--rate: ${issue.message}`);
  if ((rate?.data?.limit ?? 0) > mostInWindow)
    faults.push(`--rate: must be at most ${mostInWindow} requests`);
  const { retryAfter } = raw;
  if (retryAfter !== 'seconds' && retryAfter !== 'ms' && retryAfter !== 'none')
    faults.push(`--retry-after: "${retryAfter}" is not seconds, ms or none`);
  const latencyMs = range(raw.latency);
  if (latencyMs === null)
    faults.push(`--latency: "${raw.latency}" is not a duration such as 50ms, nor a range such as 50ms-200ms`);
  const failures = share(raw.failures);
  if (failures === null) faults.push(`--failures: "${raw.failures}" is not a share such as 5% or 0.05`);
  if (faults.length > 0) throw new SluiceError('SLUICE_INVALID_CONFIG', faults.join('\n'));
  const limit = rate?.data && {
    limit: rate.data.limit,
    perMs: rate.data.per,
    retryAfter: retryAfter as 'seconds' | 'ms' | 'none',
  };
  return { host: raw.host, port, limit: limit ?? null, latencyMs: latencyMs!, failures: failures! };
}
