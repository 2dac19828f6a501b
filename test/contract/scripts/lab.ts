import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { bindScript } from '../../../packages/redis/src/index.ts';
import {
  type ApplyVerdict,
  type PermitVerdict,
  type Policy,
  type PolicyInput,
  acknowledgeLua,
  applyPolicyScript,
  applyVerdicts,
  encodeMessage,
  holdScript,
  keysOf,
  pacingOf,
  permitScript,
  permitVerdicts,
  policySchema,
  putOffScript,
  refundScript,
  settleScript,
  unusedScript,
  watchScript,
} from '../../../packages/shared/src/index.ts';

/** The origin of tests that name none. */
export const origin = 'https://api.test';

export type Lab = ReturnType<typeof openLab>;

/** The scripts on the run's Redis, under a prefix of the test's own, with one queue. */
export function openLab() {
  const redis = new Redis(inject('redisUrl'));
  const prefix = `{t-${randomUUID()}}`;
  const queue = 'q';
  const keys = keysOf(prefix);
  const bull = keys.bull(queue);
  const policyKey = keys.policy(queue);
  const own = {
    policy: policyKey,
    pace: keys.pace(queue),
    holds: keys.holds(queue),
    flow: keys.flow(queue),
    stats: keys.stats(queue),
    meta: bull.meta,
    limiter: bull.limiter,
  };
  const scripts = {
    apply: bindScript(redis, applyPolicyScript),
    permit: bindScript(redis, permitScript),
    hold: bindScript(redis, holdScript),
    refund: bindScript(redis, refundScript),
    settle: bindScript(redis, settleScript),
    watch: bindScript(redis, watchScript),
    unused: bindScript(redis, unusedScript),
    putOff: bindScript(redis, putOffScript),
  };

  let granted: readonly [start: string, next: string] = ['', ''];

  return {
    redis,
    prefix,
    queue,
    keys,
    own,
    bull,

    async apply(input: PolicyInput, mode: 'set' | 'create' | number = 'set') {
      const policy: Policy = policySchema.parse(input);
      const { gate, paceUs, unitUs } = pacingOf(policy.rate);
      const answer = (await scripts.apply(
        [keys.queues, own.policy, own.meta, own.limiter, own.pace, own.holds, own.flow],
        [
          queue,
          JSON.stringify(policy),
          gate.max,
          gate.duration,
          paceUs,
          policy.concurrency.global ?? '',
          policy.origin ?? '',
          mode,
          keys.events,
          encodeMessage({ type: 'policy', queue }),
          unitUs,
        ],
      )) as [number, number, string];
      const verdict: ApplyVerdict = applyVerdicts[answer[0]]!;
      return { verdict, version: answer[1], json: answer[2], paceUs, gate };
    },

    /** `wait` as the script says it: µs for go, ms for held and closed. */
    async permit(options: { id?: string; origin?: string; longestMs?: number; ageMs?: number } = {}) {
      const id = options.id ?? 'job';
      const answer = (await scripts.permit(
        [
          own.policy,
          own.pace,
          own.holds,
          own.limiter,
          keys.cancel(queue, id),
          keys.outcome(queue, id),
          own.stats,
          own.flow,
          own.meta,
          keys.putOff(queue),
        ],
        [options.origin ?? origin, options.longestMs ?? 1000, options.ageMs ?? -1, id],
      )) as [number, number, number, string?, string?];
      const [index, wait, version, start = '', next = ''] = answer;
      const verdict: PermitVerdict = permitVerdicts[index]!;
      granted = [start, next];
      return { verdict, wait, version };
    },

    /** The start of the last permit, and the one after it, µs. */
    granted: (): readonly [start: string, next: string] => granted,

    /** @returns whether the start is free again */
    async unused(slot: readonly [start: string, next: string], ageMs = -1): Promise<boolean> {
      return (await scripts.unused([own.policy, own.pace, own.limiter, own.stats], [...slot, ageMs])) === 1;
    },

    /** @returns ms that the origin is now held for */
    async hold(ms: number, options: { origin?: string; refusedAfterMs?: number } = {}): Promise<number> {
      const held = options.origin ?? origin;
      const message = encodeMessage({ type: 'hold', queue, origin: held, ms });
      return Number(
        await scripts.hold(
          [own.policy, own.holds, own.limiter, own.stats, own.flow, own.meta],
          [held, ms, keys.events, message, options.refusedAfterMs ?? -1],
        ),
      );
    },

    async refund(ageMs: number): Promise<number> {
      return Number(await scripts.refund([own.policy, own.limiter], [ageMs]));
    },

    async settle(options: {
      id: string;
      token: string;
      bytes: Buffer | string;
      ttlMs?: number;
      keep?: boolean;
      replyTo?: string;
      replyTtlMs?: number;
      batch?: { name: string; index: number; failed: boolean };
    }): Promise<number> {
      const { id, token, bytes, ttlMs = 60_000, keep = false, batch } = options;
      const outcome = keys.outcome(queue, id);
      return Number(
        await scripts.settle(
          [
            bull.lock(id),
            outcome,
            keys.watchers(queue, id),
            keys.deadlines(queue),
            batch === undefined ? outcome : keys.batch(batch.name),
            batch === undefined ? outcome : keys.batchState(batch.name),
          ],
          [
            token,
            bytes,
            ttlMs,
            keep ? 1 : 0,
            id,
            queue,
            keys.replies(''),
            options.replyTo ?? '',
            options.replyTtlMs ?? 60_000,
            batch?.index ?? '',
            batch?.failed ? 1 : 0,
            90_000,
          ],
        ),
      );
    },

    /** @returns one of watchVerdicts, and the outcome where there is one */
    async watch(id: string, producer: string): Promise<[verdict: number, bytes: string]> {
      return (await scripts.watch(
        [keys.outcome(queue, id), keys.watchers(queue, id), bull.job(id)],
        [producer, 60_000],
      )) as [number, string];
    },

    async putOff(id: string, ms: number): Promise<void> {
      await scripts.putOff([keys.putOff(queue)], [id, ms]);
    },

    async acknowledge(producer: string, ids: string[], last: string): Promise<void> {
      const pairs = ids.flatMap((id) => [keys.outcome(queue, id), bull.job(id)]);
      await redis.eval(acknowledgeLua, 1 + pairs.length, keys.replies(producer), ...pairs, last);
    },

    /** A connection that hears what is published to the fleet; `heard` resolves once `until` was. */
    async listen(until: string): Promise<{ heard: Promise<string[]> }> {
      const subscriber = new Redis(inject('redisUrl'));
      const messages: string[] = [];
      const last = Promise.withResolvers<string[]>();
      subscriber.on('message', (_channel, text) => {
        if (text !== until) return void messages.push(text);
        subscriber.disconnect();
        last.resolve(messages);
      });
      await subscriber.subscribe(keys.events);
      return { heard: last.promise };
    },

    /** Redis' clock, µs. */
    async now(): Promise<number> {
      const [seconds, micros] = await redis.time();
      return Number(seconds) * 1_000_000 + Number(micros);
    },

    /** BullMQ's limiter key: job starts of the running window, and what is left of it, ms. */
    async limiter(): Promise<{ taken: number; ttl: number }> {
      return { taken: Number((await redis.get(own.limiter)) ?? 0), ttl: await redis.pttl(own.limiter) };
    },

    /** The gate: BullMQ's global limit. */
    async gate(): Promise<{ max: number; duration: number }> {
      const [max, duration] = await redis.hmget(own.meta, 'max', 'duration');
      return { max: Number(max), duration: Number(duration) };
    },

    async [Symbol.asyncDispose](): Promise<void> {
      for await (const names of redis.scanStream({ match: `${prefix}*` }) as AsyncIterable<string[]>) {
        if (names.length > 0) await redis.unlink(...names);
      }
      redis.disconnect();
    },
  };
}
