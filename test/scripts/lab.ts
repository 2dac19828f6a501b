import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { bindScript } from '../../packages/redis/src/index.ts';
import {
  type ApplyReply,
  type PermitVerdict,
  type Policy,
  type PolicyInput,
  type WatchReply,
  type Committed,
  acknowledgeScript,
  applyPolicyScript,
  encodeMessage,
  giveBackScript,
  holdScript,
  keysOf,
  pacingOf,
  permitScript,
  policySchema,
  putOffScript,
  releaseScript,
  settleScript,
  startEvenlyScript,
  storedPolicy,
  watchScript,
} from '../../packages/shared/src/index.ts';

/** The origin of tests that name none. */
export const origin = 'https://api.test';

/** A start that was granted. */
export type Granted = readonly [start: string, last: string];

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
    starts: keys.starts(queue),
    schedule: keys.schedule(queue),
    holds: keys.holds(queue),
    flow: keys.flow(queue),
    stats: keys.stats(queue),
    meta: bull.meta,
    limiter: bull.limiter,
  };
  const scripts = {
    apply: bindScript(redis, keys, applyPolicyScript),
    permit: bindScript(redis, keys, permitScript),
    hold: bindScript(redis, keys, holdScript),
    giveBack: bindScript(redis, keys, giveBackScript),
    settle: bindScript(redis, keys, settleScript),
    watch: bindScript(redis, keys, watchScript),
    putOff: bindScript(redis, keys, putOffScript),
    release: bindScript(redis, keys, releaseScript),
    startEvenly: bindScript(redis, keys, startEvenlyScript),
    acknowledge: bindScript(redis, keys, acknowledgeScript),
  };

  let granted: Granted = ['', ''];

  return {
    redis,
    prefix,
    queue,
    keys,
    own,
    bull,

    async apply(input: PolicyInput, mode: 'set' | 'create' | number = 'set') {
      const policy: Policy = policySchema.parse(input);
      const { gate, ...pacing } = pacingOf(policy.rate);
      const applied: ApplyReply = await scripts.apply([queue], {
        queue,
        json: storedPolicy(policy),
        max: gate.max,
        durationMs: gate.duration,
        ...pacing,
        rateText: '',
        concurrency: policy.concurrency.global ?? '',
        maxBacklog: policy.maxBacklog ?? '',
        origin: policy.origin ?? '',
        mode,
        channel: keys.events,
        message: encodeMessage({ type: 'policy', queue }),
        actor: 'lab',
      });
      return { ...applied, paceUs: pacing.paceUs, gate };
    },

    /** `wait` as the script says it: µs for go, ms for held and closed. */
    async permit(
      options: {
        id?: string;
        origin?: string;
        longestMs?: number;
        ageMs?: number;
        waitedMs?: number;
        extraUs?: number;
        late?: number;
        stale?: Granted;
      } = {},
    ) {
      const id = options.id ?? 'job';
      const { verdict, wait, start, end } = await scripts.permit([queue, id], {
        origin: options.origin ?? origin,
        longestMs: options.longestMs ?? 1000,
        ageMs: options.ageMs ?? -1,
        waitedMs: options.waitedMs ?? 0,
        extraUs: options.extraUs ?? 0,
        late: options.late ?? 0,
        staleStart: options.stale?.[0] ?? '',
        staleEnd: options.stale?.[1] ?? '',
        id,
      });
      granted = [start, end];
      return { verdict, wait } satisfies { verdict: PermitVerdict; wait: number };
    },

    /** The start of the last permit, and its end in the log, µs. */
    granted: () => granted,

    /** @returns whether the start is free again */
    async unused([start, last]: Granted, ageMs = -1): Promise<boolean> {
      return (await scripts.giveBack([queue], { start, last, ageMs })).start;
    },

    /** @returns ms that the origin is now held for */
    async hold(ms: number, options: { origin?: string; refusedAfterMs?: number } = {}): Promise<number> {
      const held = options.origin ?? origin;
      const message = encodeMessage({ type: 'hold', queue, origin: held, ms });
      return await scripts.hold([queue], {
        origin: held,
        askedMs: ms,
        channel: keys.events,
        message,
        rejectedAgeMs: options.refusedAfterMs ?? -1,
      });
    },

    /** @returns whether the gate's token was given back */
    async refund(ageMs: number): Promise<boolean> {
      return (await scripts.giveBack([queue], { start: '-', last: '', ageMs })).token;
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
    }): Promise<Committed> {
      const { id, token, bytes, ttlMs = 60_000, keep = false, batch } = options;
      return await scripts.settle(batch === undefined ? [queue, id] : [queue, id, batch.name], {
        token,
        settled: bytes,
        ttlMs,
        keeps: keep ? 1 : 0,
        id,
        queue,
        producer: options.replyTo ?? '',
        replyTtlMs: options.replyTtlMs ?? 60_000,
        index: batch?.index ?? '',
        method: '',
        url: '',
        isFailed: batch?.failed ? 1 : 0,
        batchTtlMs: 90_000,
        letter: '',
        tries: 0,
      });
    },

    async watch(id: string, producer: string): Promise<WatchReply> {
      return await scripts.watch([queue, id], { producer, ttlMs: 60_000 });
    },

    /** @returns whether the job is to wait */
    async putOff(id: string, ms: number, cause: 'asked' | 'held' | 'early' = 'asked'): Promise<boolean> {
      return await scripts.putOff([queue], { id, ms, cause, origin });
    },

    /** Lifts the hold of the origin, or of another one. */
    async release(held = origin): Promise<{ lifted: number; jobs: string[] }> {
      const message = encodeMessage({ type: 'release', queue });
      return await scripts.release([queue], {
        origin: held,
        channel: keys.events,
        message,
        actor: 'lab',
        queue,
      });
    },

    /** A pause has ended. */
    async startEvenly(): Promise<void> {
      await scripts.startEvenly([queue], {});
    },

    /** @param received for each id '1': a caller received its error */
    async acknowledge(producer: string, ids: string[], last: string, received = ''): Promise<void> {
      await scripts.acknowledge([producer, ids.map((id) => ({ queue, id }))], { last, received });
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
