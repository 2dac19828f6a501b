import type { UpstreamLimit } from '../../../packages/cli/src/demo-upstream/sliding-limit.ts';

export type { UpstreamLimit };

/** What can be changed while the upstream runs. */
export interface UpstreamSettings {
  /** The limit it enforces; null (default) for none. */
  limit: UpstreamLimit | null;
  /** Size of the bodies of `/` and `/item/:n`. Default 1024. */
  bodyBytes: number;
  /** Time from arrival to answer, constant or uniform in [min, max], on every route. No rejection waits. Default 0. */
  latencyMs: number | readonly [min: number, max: number];
  /** True: the request headers are kept with every arrival. Default false: they would fill memory in a bench. */
  keepHeaders: boolean;
}

/** What an upstream is started with. */
export interface UpstreamOptions extends Partial<UpstreamSettings> {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0, a free one. */
  port?: number;
}

/**
 * The settings after a change; what `change` leaves out stays as it was.
 * @throws RangeError naming the setting that is out of range.
 */
export function changed(current: UpstreamSettings, change: Partial<UpstreamSettings>): UpstreamSettings {
  const settings = {
    limit: change.limit === undefined ? current.limit : change.limit,
    bodyBytes: change.bodyBytes ?? current.bodyBytes,
    latencyMs: change.latencyMs ?? current.latencyMs,
    keepHeaders: change.keepHeaders ?? current.keepHeaders,
  };
  check('bodyBytes', Number.isSafeInteger(settings.bodyBytes) && settings.bodyBytes >= 0, settings.bodyBytes);
  const [min, max] = latencyRange(settings.latencyMs);
  check('latencyMs', min >= 0 && max >= min, settings.latencyMs);
  if (settings.limit !== null) {
    const { limit, perMs } = settings.limit;
    check('limit.limit', Number.isSafeInteger(limit) && limit >= 1, limit);
    check('limit.perMs', Number.isFinite(perMs) && perMs > 0, perMs);
  }
  return settings;
}

/** The settings of an upstream that was started with these options. */
export function initialSettings(options: UpstreamOptions): UpstreamSettings {
  return changed({ limit: null, bodyBytes: 1024, latencyMs: 0, keepHeaders: false }, options);
}

/** How long this request waits for its answer, in ms. */
export function latency(settings: UpstreamSettings): number {
  const [min, max] = latencyRange(settings.latencyMs);
  return min === max ? min : min + Math.random() * (max - min);
}

function latencyRange(latencyMs: UpstreamSettings['latencyMs']): readonly [min: number, max: number] {
  return typeof latencyMs === 'number' ? [latencyMs, latencyMs] : latencyMs;
}

function check(name: string, holds: boolean, value: unknown): void {
  if (!holds) throw new RangeError(`upstream option ${name} is out of range: ${JSON.stringify(value)}`);
}
