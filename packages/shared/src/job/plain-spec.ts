import { headerFaults } from '../egress/judge-request.ts';
import { isObject } from '../fields/is-object.ts';
import { type Method, methods } from '../fields/methods.ts';
import type { NormalSpec } from './normal-spec.ts';

/** The fields that a plain spec may have. What is undefined is not there. */
const plain: ReadonlySet<string> = new Set(['url', 'method', 'headers', 'deadline']);

const isMethod = (value: unknown): value is Method => (methods as readonly unknown[]).includes(value);

/** An object as `{ … }` makes it: nothing in it comes from elsewhere. */
const isLiteral = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && Object.getPrototypeOf(value) === Object.prototype;

/**
 * What `normalSpecSchema` makes of the most common spec, without the schema, which takes many times as long: a URL, and at
 * most a method, headers in a record, and a deadline as a number. Null: it is another spec, or has a fault; the schema
 * decides. A test holds it to the schema. Pure.
 */
export function plainSpec(input: unknown): NormalSpec | null {
  if (!isLiteral(input)) return null;
  for (const name of Object.keys(input)) if (!plain.has(name)) return null;
  const { method = 'GET', headers = {}, deadline } = input;
  const url = plainUrl(input['url']);
  const fields = plainHeaders(headers);
  if (url === null || fields === null || !isMethod(method)) return null;
  if (deadline !== undefined && !isTime(deadline)) return null;
  return {
    request: { url, method, headers: fields },
    timeoutMs: undefined,
    attempts: undefined,
    retry: undefined,
    deadline,
    delayMs: undefined,
    runAt: undefined,
    priority: undefined,
    meta: undefined,
    delivery: undefined,
    transform: undefined,
    idempotencyKey: undefined,
    id: undefined,
  };
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Visible ASCII characters: nothing to trim, and no control character. */
const visible = /^[!-~]+$/;

function plainUrl(value: unknown): string | null {
  if (typeof value !== 'string' && !(value instanceof URL)) return null;
  const text = String(value);
  if (!visible.test(text)) return null;
  const parsed = URL.parse(text);
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) return null;
  return parsed.username === '' && parsed.password === '' ? text : null;
}

function plainHeaders(value: unknown): Record<string, string> | null {
  if (!isLiteral(value) || Symbol.iterator in value) return null;
  const headers: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string' || name === '__proto__' || headerFaults(name, text).length > 0) return null;
    headers[name.toLowerCase()] = text.trim();
  }
  return headers;
}
