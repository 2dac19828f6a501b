import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import type { BullScripts } from '@sluice/redis';
import { type Outcome, type PolicyInput, keysOf } from '@sluice/shared';
import { createLogger } from '../src/logger.ts';
import { readWorkerConfig } from '../src/config.ts';
import { type Upstream, startUpstream } from '../../../test/lab/upstream/server.ts';
import type { UpstreamOptions } from '../../../test/lab/upstream/options.ts';
import { type ConnectOptions, type JobSpec, type Sluice, connect } from '../../producer/src/index.ts';
import { type RunningPool, startPool } from '../src/pool.ts';

/** The guard's exception for the upstreams of tests. */
export const loopback: NonNullable<PolicyInput['egress']> = { allow: ['127.0.0.0/8'] };

/** Retries that do not make a test wait. */
export const quick: NonNullable<PolicyInput['retry']> = { base: 10, jitter: 0 };

export type RigOptions = {
  policy?: PolicyInput;
  upstream?: UpstreamOptions;
  /** Variables of the worker, on top of those for the test. */
  env?: Record<string, string>;
  /** Of the client, on top of those for the test. */
  client?: Pick<ConnectOptions, 'bodyStore'>;
  /** Without a worker: jobs wait. */
  idle?: boolean;
};

export type Ended = { outcome: Outcome; text: string; body: Uint8Array };

/** One queue, one worker pool in this process, one producer, one upstream; a key prefix of its own. */
export class Rig {
  readonly prefix = `{t-${randomUUID()}}`;
  readonly queue = 'q';
  readonly keys = keysOf(this.prefix);
  readonly redis = new Redis(inject('redisUrl'));
  upstream!: Upstream;
  sluice!: Sluice;
  /** BullMQ's own view of the queue. */
  bull!: Queue;
  readonly #pools: RunningPool[] = [];

  static async open(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig();
    rig.upstream = await startUpstream(options.upstream);
    rig.sluice = await connect({
      redis: inject('redisUrl'),
      prefix: rig.prefix,
      queue: rig.queue,
      policy: { egress: loopback, retry: quick, ...options.policy },
      ...options.client,
    });
    rig.bull = new Queue(rig.queue, { connection: rig.redis, prefix: rig.prefix });
    if (!options.idle) await rig.startPool(options.env);
    return rig;
  }

  /** @param bull BullMQ's scripts; default those that are installed */
  async startPool(env: Record<string, string> = {}, bull?: BullScripts): Promise<RunningPool> {
    const config = readWorkerConfig({
      SLUICE_REDIS_URL: inject('redisUrl'),
      SLUICE_PREFIX: this.prefix,
      SLUICE_CONCURRENCY: '20',
      ...env,
    });
    const pool = await startPool(config, createLogger('test', 'silent'), bull);
    this.#pools.push(pool);
    return pool;
  }

  /** Enqueues a job for a path of the upstream (or a whole URL), and waits for its end. */
  async end(path: string, spec: Omit<JobSpec, 'url'> = {}): Promise<Ended> {
    // As one of a list: where a job is enqueued alone, an address that the policy blocks is refused at once.
    const { value: handle } = await this.sluice.enqueueMany([{ ...spec, url: this.url(path) }]).next();
    const { outcome, body } = await handle!.outcome();
    return { outcome, body, text: new TextDecoder().decode(body) };
  }

  url(path: string): string {
    return path.startsWith('/') ? `${this.upstream.url}${path}` : path;
  }

  /** Resolves when the upstream has seen `count` requests since the start or its last reset. */
  async arrived(count: number): Promise<void> {
    while ((await this.upstream.arrivals()).length < count) await nextTurn();
  }

  /** Resolves when the upstream has nothing more to answer. */
  async quiet(): Promise<void> {
    while ((await this.upstream.inFlight()) > 0) await nextTurn();
  }

  /** The methods and paths that the upstream saw, in order of arrival. */
  async seen(): Promise<string[]> {
    return (await this.upstream.arrivals()).map(({ method, path }) => `${method} ${path}`);
  }

  /** ms between one arrival and the next. */
  async gaps(): Promise<number[]> {
    const arrivals = await this.upstream.arrivals();
    return arrivals.slice(1).map(({ t }, index) => t - arrivals[index]!.t);
  }

  /** Puts a job on the queue as it is, past the producer's validation. */
  async addRaw(id: string, data: unknown, attempts = 1000): Promise<void> {
    await this.bull.add('fetch', data, { jobId: id, attempts, backoff: { type: 'sluice' } });
  }

  /** A job whose deadline passed while it waited; resolves when it has ended. @returns BullMQ's reason of its failure */
  async addExpired(id: string): Promise<string | undefined> {
    const req = { url: this.url(`/${id}`), method: 'GET', headers: {} };
    await this.addRaw(id, { v: 1, req, at: Date.now() - 2000, deadline: Date.now() - 1000 });
    await until(async () => (await this.bull.getJobState(id)) === 'failed');
    return (await this.bull.getJob(id))?.failedReason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.drain(0)));
    await this.sluice.close();
    await this.bull.close();
    await this.upstream.close();
    const found = this.redis.scanStream({ match: `${this.prefix}*`, count: 1000 });
    for await (const names of found as AsyncIterable<string[]>) {
      if (names.length > 0) await this.redis.unlink(...names);
    }
    this.redis.disconnect();
  }
}

/** Lets the process go on for a moment. */
export async function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 2);
  await promise;
}

/** Waits until a condition holds; the test's own timeout ends the wait. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await nextTurn();
}
