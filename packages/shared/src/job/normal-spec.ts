import type { z } from 'zod';
import { type PlainBody, plainBody } from './body.ts';
import type { HttpRequest } from './http-request.ts';
import { jobSpecSchema } from './spec.ts';
import { withQuery } from './target.ts';

function bodyOf(spec: z.output<typeof jobSpecSchema>): PlainBody | null {
  if (spec.body !== undefined) return plainBody(spec.body);
  if (spec.bodyBase64 !== undefined) return { text: spec.bodyBase64, base64: true };
  if (spec.json !== undefined) return { text: JSON.stringify(spec.json), type: 'application/json' };
  if (spec.form !== undefined) {
    const text = new URLSearchParams(spec.form).toString();
    return { text, type: 'application/x-www-form-urlencoded' };
  }
  return null;
}

/** Fields of which at most one may be given: one spelling each, or two ways to say one thing. */
const exclusive = [
  ['timeout', 'timeoutMs'],
  ['delay', 'delayMs'],
  ['runAt', 'delay'],
  ['runAt', 'delayMs'],
  ['idempotencyKey', 'id'],
] as const;

const why: Partial<Record<string, string>> = { idempotencyKey: 'the key already names the job' };

/** A validated spec whose request is in the form that workers send. */
export const normalSpecSchema = jobSpecSchema.transform((spec, ctx) => {
  const given = (['body', 'bodyBase64', 'json', 'form'] as const).filter((name) => spec[name] !== undefined);
  if (given.length > 1) ctx.addIssue(`has ${given.join(' and ')}; give the body once`);
  const body = bodyOf(spec);
  const chosen = spec.method ?? (body === null ? 'GET' : 'POST');
  if (body !== null && (chosen === 'GET' || chosen === 'HEAD')) {
    ctx.addIssue({
      code: 'custom',
      path: [given[0]!],
      message: `a ${chosen} request has no body; use POST, or drop it`,
    });
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(spec.headers ?? {})) headers[name.toLowerCase()] = value.trim();
  if (body?.type !== undefined) headers['content-type'] ??= body.type;
  if (spec.idempotencyKey !== undefined && (chosen === 'POST' || chosen === 'PATCH')) {
    headers['idempotency-key'] ??= spec.idempotencyKey;
  }
  for (const [name, other] of exclusive) {
    if (spec[name] === undefined || spec[other] === undefined) continue;
    const message = `and ${other} exclude each other; ${why[name] ?? 'give one'}`;
    ctx.addIssue({ code: 'custom', path: [name], message });
  }
  const request: HttpRequest = {
    url: withQuery(spec.url.trim(), spec.searchParams ?? ''),
    method: chosen,
    headers,
  };
  if (body !== null) request.body = body.text;
  if (body?.base64) request.base64 = true;
  const { timeout: timeoutMs = spec.timeoutMs, delay: delayMs = spec.delayMs, runAt } = spec;
  const { attempts, retry, deadline, priority } = spec;
  const { delivery, transform, idempotencyKey, id } = spec;
  // A copy, because the job is written later: what the caller changes meanwhile must not get into it.
  const meta = structuredClone(spec.meta);
  const job = { timeoutMs, attempts, retry, deadline, delayMs, runAt, priority };
  return { request, ...job, meta, delivery, transform, idempotencyKey, id };
});

export type NormalSpec = z.output<typeof normalSpecSchema>;
