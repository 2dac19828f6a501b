import type { PolicyUpdate } from '@sluice/producer';
import { type Policy, formatDuration, formatRate, isObject } from '@sluice/shared';
import { sizeText } from '../text/units.ts';

const none = 'none';

/** Fields that are sizes, in bytes. */
export const sizes = new Set(['maxBody', 'store.above', 'store.maxBody']);

/** Fields that are times, in ms. */
export const durations = new Set([
  'timeout',
  'maxHold',
  'keepFailed.age',
  'rate.per',
  'rate.slack',
  'retry.base',
  'retry.cap',
]);

/** A field's value as it can be written in a policy. */
function valueText(path: string, value: unknown): string {
  if (value === null || value === undefined) return none;
  if (Array.isArray(value)) return value.length === 0 ? none : value.join(', ');
  if (typeof value === 'number' && durations.has(path)) return formatDuration(value);
  if (typeof value === 'number' && sizes.has(path)) return sizeText(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function fieldsOf(value: object, path: string): [path: string, text: string][] {
  return Object.entries(value).flatMap(([name, field]: [string, unknown]): [string, string][] => {
    const at = path === '' ? name : `${path}.${name}`;
    return isObject(field) ? fieldsOf(field, at) : [[at, valueText(at, field)]];
  });
}

/**
 * Every field of a policy with its path, in the units that a policy is written in. Pure.
 * @param isBurstNamed false: a burst that is the limit, its default, is left out
 */
export function policyFields(policy: Policy, isBurstNamed = false): [path: string, text: string][] {
  const { rate, ...others } = policy;
  if (rate === null) return [['rate', none], ...fieldsOf(others, '')];
  const { limit, per: _per, burst, text: _text, ...rest } = rate;
  const how = burst === limit && !isBurstNamed ? rest : { ...rest, burst };
  // Shape and burst are fields of their own here.
  const text = formatRate({ ...rate, shape: 'smooth', burst: limit });
  return [['rate', text], ...fieldsOf(how, 'rate'), ...fieldsOf(others, '')];
}

/** Where two policies differ, as `rate: 100/min -> 50/min`. Pure. */
export function differenceLines(before: Policy, after: Policy): string[] {
  const [old, next] = [before.rate, after.rate];
  // The default burst is the limit, and changes with it: it says something only beside another one.
  const isBurstNamed = [old, next].some((rate) => rate !== null && rate.burst !== rate.limit);
  const was = new Map(policyFields(before, isBurstNamed));
  const is = new Map(policyFields(after, isBurstNamed));
  const isNoise = (path: string) => {
    // When a rate is added or removed, its other fields say nothing.
    if (path.startsWith('rate.')) return old === null || next === null;
    // Two texts of one rate are no difference.
    return path === 'rate' && old !== null && old.limit === next?.limit && old.per === next.per;
  };
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((path) => was.get(path) !== is.get(path) && !isNoise(path))
    .map((path) => `${path}: ${was.get(path) ?? none} -> ${is.get(path) ?? none}`);
}

/** What an update did to a queue, as lines. Pure. */
export function updateText(name: string, { change, before, after }: PolicyUpdate): string {
  const rate = after.rate === null ? 'no rate' : formatRate(after.rate);
  if (before === null) return `${name}: created (${rate})\n`;
  const lines = change === 'same' ? [] : differenceLines(before, after).map((line) => `  ${line}\n`);
  return `${name}: ${change}\n${lines.join('')}`;
}
