import { z } from 'zod';

/**
 * What an API key may be allowed to do.
 * - `enqueue`: put jobs on the queue, and have the results of those
 * - `read`: see jobs, dead letters, batches and the policy, without bodies, headers and full URLs
 * - `payload`: see those, too
 * - `cancel`: cancel any job of the queue
 * - `operate`: pause, resume, release, redrive, purge; read the audit log
 * - `policy`: change the policy, create and remove the queue
 * - `keys`: create, rotate and revoke API keys
 * - `metrics`: read the metrics of the fleet
 */
export const scopes = [
  'enqueue',
  'read',
  'payload',
  'cancel',
  'operate',
  'policy',
  'keys',
  'metrics',
] as const;

export type Scope = (typeof scopes)[number];

/** Which queues are meant: one by its name, those that begin alike (`stripe-*`), or all (`*`). */
const queuePattern = z
  .string()
  .regex(
    /^(?:\*|[A-Za-z0-9][A-Za-z0-9._-]{0,99}\*?)$/,
    'must be the name of a queue, the beginning of names with a star behind it (stripe-*), or *',
  );

/** Some queues, and what may be done with them. */
export const grantSchema = z
  .strictObject({
    /** At most 100. */
    queues: z.array(queuePattern).min(1).max(100),
    scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
  })
  .refine((grant) => !grant.scopes.includes('metrics') || grant.queues.includes('*'), {
    path: ['scopes'],
    error: 'metrics are those of the whole fleet; grant this scope for the queue *',
  });

export type Grant = z.output<typeof grantSchema>;

/** Whether each queue of the second pattern is one of the first. Pure. */
export function covers(pattern: string, other: string): boolean {
  if (!pattern.endsWith('*')) return pattern === other;
  return other.startsWith(pattern.slice(0, -1));
}

/** Whether the grants allow a scope for a queue, or for all queues of a pattern. Pure. */
export function allows(grants: readonly Grant[], scope: Scope, queue: string): boolean {
  return grants.some(
    (grant) => grant.scopes.includes(scope) && grant.queues.some((pattern) => covers(pattern, queue)),
  );
}

/**
 * What of the second grants the first ones lack, as `github: policy`; empty: nothing. Pure. Nobody may give away what he
 * lacks.
 */
export function lacking(own: readonly Grant[], wanted: readonly Grant[]): string[] {
  return wanted.flatMap(({ queues, scopes }) =>
    queues.flatMap((queue) =>
      scopes.filter((scope) => !allows(own, scope, queue)).map((scope) => `${queue}: ${scope}`),
    ),
  );
}
