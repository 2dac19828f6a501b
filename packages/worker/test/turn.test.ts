import { randomUUID } from 'node:crypto';
import { type Job, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { bindScript, bullScripts } from '../../redis/src/index.ts';
import {
  type Addressee,
  type PolicyInput,
  type Settled,
  applyPolicyScript,
  decodeSettled,
  encodeMessage,
  keysOf,
  pacingOf,
  policySchema,
  settleCall,
  storedPolicy,
} from '../../shared/src/index.ts';
import { installedServer, startOwnRedis } from '../../../test/lab/own-redis.ts';
import { Turn } from '../src/queue/turn.ts';
import { TurnBackend } from '../src/queue/turn-backend.ts';

const scripts = bullScripts(import.meta.url);

const ended: Settled = {
  outcome: { kind: 'response', attempts: 1, endedAt: 1, durationMs: 1 },
  body: Buffer.from([0xff, 0, 10]),
};

/** A queue with taken jobs, whose ends a test sends as a worker does. */
class Ends implements AsyncDisposable {
  readonly redis: Redis;
  readonly prefix = `{t-${randomUUID()}}`;
  readonly keys = keysOf(this.prefix);
  readonly queue: Queue;
  readonly worker: Worker;
  readonly backend: TurnBackend;
  readonly bull = this.keys.bull('q');

  constructor(url: string) {
    this.redis = new Redis(url, { maxRetriesPerRequest: null });
    this.queue = new Queue('q', { connection: this.redis, prefix: this.prefix });
    this.backend = new TurnBackend(Turn.open(this.redis, this.keys, scripts)!, this.keys, 'q', 60_000);
    const options = {
      connection: this.redis,
      prefix: this.prefix,
      lockDuration: 60_000,
      autorun: false,
      removeOnComplete: { count: 0 },
    };
    this.worker = new Worker('q', null, options, this.backend.factory);
  }

  async add(...ids: string[]): Promise<void> {
    for (const jobId of ids) await this.queue.add('fetch', { n: 1 }, { jobId });
  }

  async take(id: string): Promise<Job> {
    await this.add(id);
    const job = await this.worker.getNextJob(`token-${id}`, { block: false });
    expect(job?.id).toBe(id);
    return job;
  }

  /** Ends a job, and lets BullMQ ask for its end, as it does when the run is over. */
  async end(job: Job, addressee: Addressee = {}, fetchNext = false, end = ended): Promise<unknown> {
    const token = job.token!;
    const call = settleCall({ queue: 'q', id: job.id!, token }, addressee, end);
    const committed = await this.backend.finish(
      { bull: job, token, fetchNext, fields: {} },
      call,
      'ok',
      null,
    );
    if (committed === 'committed') await job.moveToCompleted('ok', token, fetchNext);
    return committed;
  }

  /** The outcome's key of a job. */
  async kept(id: string): Promise<string | null> {
    return await this.redis.get(this.keys.outcome('q', id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.close();
    await this.queue.close();
    for (const key of await this.redis.keys(`${this.prefix}*`)) await this.redis.unlink(key);
    this.redis.disconnect();
  }
}

const open = () => new Ends(inject('redisUrl'));

test.skipIf(installedServer() === undefined)(
  'sixteen jobs that end in one turn are one script call, and twice as many are two',
  async () => {
    await using server = await startOwnRedis();
    await using lab = new Ends(server.url);
    const calls = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await lab.redis.info('commandstats'))?.[1] ?? 0);
    for (const [jobs, expected] of [
      [16, 1],
      [32, 2],
    ] as const) {
      const taken: Job[] = [];
      for (let n = 0; n < jobs; n++) taken.push(await lab.take(`${jobs}-${n}`));
      // The server has the script from the first jobs on.
      if (jobs === 16) await lab.end(taken.pop()!).then(async () => taken.push(await lab.take('16-again')));
      const before = await calls();
      const ends = taken.map(async (job) => await lab.end(job, { replyTo: 'p+' }));
      expect(new Set(await Promise.all(ends))).toEqual(new Set(['committed']));
      expect((await calls()) - before).toBe(expected);
      expect(await lab.queue.getJobCounts('active', 'completed', 'wait')).toEqual({
        active: 0,
        completed: 0,
        wait: 0,
      });
      // The replies of one script are one entry of the producer's stream.
      expect(await lab.redis.xlen(lab.keys.replies('p+'))).toBe(expected);
      await lab.redis.unlink(lab.keys.replies('p+'));
    }
  },
);

test('the replies to one producer are one entry, if its name says that it reads such', async () => {
  await using lab = open();
  const jobs = [await lab.take('a'), await lab.take('b'), await lab.take('c')];
  await lab.redis.sadd(lab.keys.watchers('q', 'c'), 'older');
  await Promise.all([
    lab.end(jobs[0]!, { replyTo: 'new+' }),
    lab.end(jobs[1]!, { replyTo: 'older' }),
    lab.end(jobs[2]!, { replyTo: 'new+' }),
  ]);
  const entries = await lab.redis.xrangeBuffer(lab.keys.replies('new+'), '-', '+');
  expect(entries).toHaveLength(1);
  const fields = entries[0]![1];
  expect(fields.filter((_, at) => at % 2 === 0).map(String)).toEqual(['id', 'settled', 'id', 'settled']);
  expect([fields[1], fields[5]].map(String)).toEqual(['q/a', 'q/c']);
  expect(decodeSettled(fields[7]!)).toEqual(ended);
  expect(await lab.redis.pttl(lab.keys.replies('new+'))).toBeGreaterThan(0);
  const older = await lab.redis.xrange(lab.keys.replies('older'), '-', '+');
  expect(older.map(([, entry]) => entry[1])).toEqual(['q/b', 'q/c']);
});

test('a job that Redis does not accept costs the others of its turn nothing', async () => {
  await using lab = open();
  const jobs = [await lab.take('a'), await lab.take('poison'), await lab.take('b'), await lab.take('batch')];
  await lab.redis.set(lab.keys.replies('me+'), 'no stream');
  await lab.redis.set(lab.keys.batch('list'), 'no stream');
  const ends = await Promise.allSettled([
    lab.end(jobs[0]!, { replyTo: 'you+' }),
    lab.end(jobs[1]!, { replyTo: 'me+' }),
    lab.end(jobs[2]!, { replyTo: 'you+' }),
    // It is told to nobody: its reply would have been part of the entry.
    lab.end(jobs[3]!, { replyTo: 'you+', batch: { name: 'list', index: 0 } }),
  ]);
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  const { reason } = ends[1] as PromiseRejectedResult;
  expect(reason).toMatchObject({
    name: 'ReplyError',
    message: expect.stringContaining('WRONGTYPE') as string,
  });
  expect(await lab.queue.getJobs('active')).toHaveLength(2);
  const [entry] = await lab.redis.xrange(lab.keys.replies('you+'), '-', '+');
  expect([entry![1][1], entry![1][5], entry![1].length]).toEqual(['q/a', 'q/b', 8]);
});

test('a lock that ran out is taken back; the job ends', async () => {
  await using lab = open();
  const job = await lab.take('a');
  await lab.redis.unlink(lab.bull.lock('a'));
  await lab.redis.sadd(lab.bull.stalled, 'a');
  expect(await lab.end(job)).toBe('committed');
  expect(await lab.redis.exists(lab.bull.job('a'), lab.bull.lock('a'))).toBe(0);
  expect(await lab.redis.smembers(lab.bull.stalled)).toEqual([]);
});

test('a lock that another worker has is left alone, and so is the job', async () => {
  await using lab = open();
  const job = await lab.take('a');
  await lab.redis.set(lab.bull.lock('a'), 'another');
  expect(await lab.end(job, { replyTo: 'p+' })).toBe('lock-lost');
  expect(await lab.redis.get(lab.bull.lock('a'))).toBe('another');
  expect(await lab.kept('a')).toBeNull();
  expect(await lab.redis.exists(lab.keys.replies('p+'))).toBe(0);
  expect(await lab.redis.lrange(lab.bull.active, 0, -1)).toEqual(['a']);
});

test('a job that waits again keeps its outcome: BullMQ refuses its end, and the next run sends nothing', async () => {
  await using lab = open();
  const job = await lab.take('a');
  await lab.redis.unlink(lab.bull.lock('a'));
  await lab.redis.lmove(lab.bull.active, lab.bull.wait, 'LEFT', 'RIGHT');
  await expect(lab.end(job, { replyTo: 'p+' })).rejects.toThrow('Missing lock');
  expect(await lab.kept('a')).toBe('-');
  expect(await lab.redis.xlen(lab.keys.replies('p+'))).toBe(1);
  expect(await lab.redis.lrange(lab.bull.wait, 0, -1)).toEqual(['a']);
});

test('a job that has ended already stays as it is, and its marker too', async () => {
  await using lab = open();
  const job = await lab.take('a');
  expect(await lab.end(job, { replyTo: 'p+' })).toBe('committed');
  expect(await lab.end(job, { replyTo: 'p+' })).toBe('already');
  expect(await lab.kept('a')).toBe('-');
  expect(await lab.redis.xlen(lab.keys.replies('p+'))).toBe(1);
});

async function applyPolicy({ redis, keys }: Ends, input: PolicyInput): Promise<void> {
  const policy = policySchema.parse(input);
  const { gate, ...pacing } = pacingOf(policy.rate);
  await bindScript(
    redis,
    keys,
    applyPolicyScript,
  )(['q'], {
    queue: 'q',
    json: storedPolicy(policy),
    max: gate.max,
    durationMs: gate.duration,
    ...pacing,
    concurrency: '',
    maxBacklog: '',
    actor: 'test',
    origin: '',
    rateText: '',
    mode: 'set',
    channel: keys.events,
    message: encodeMessage({ type: 'policy', queue: 'q' }),
  });
}

const later = () => Date.now() + 60_000;

test.each<[string, string, PolicyInput, (lab: Ends) => Promise<unknown>, boolean]>([
  ['a queue without a rate', 'comes along', {}, async () => {}, true],
  ['a hold that is over', 'comes along', {}, (lab) => lab.redis.zadd(lab.keys.holds('q'), 1, 'o'), true],
  ['a queue with a rate', 'is asked for', { rate: '10/s' }, async () => {}, false],
  [
    'a fixed window',
    'is asked for',
    { rate: { limit: 10, per: '1s', shape: 'fixed' } },
    async () => {},
    false,
  ],
  ['any hold', 'is asked for', {}, (lab) => lab.redis.zadd(lab.keys.holds('q'), later(), 'o'), false],
  ['any job put off', 'is asked for', {}, (lab) => lab.redis.zadd(lab.keys.putOff('q'), later(), 'x'), false],
  ['a cancelled job', 'is asked for', {}, (lab) => lab.redis.set(lab.keys.cancel('q', 'b'), 1), false],
  [
    'a job with an outcome',
    'is asked for',
    {},
    (lab) => lab.redis.set(lab.keys.outcome('q', 'b'), '-'),
    false,
  ],
  ['a queue without a policy', 'is asked for', {}, (lab) => lab.redis.unlink(lab.keys.policy('q')), false],
])('%s: the permit of the next job %s', async (_what, _how, policy, prepare, isFree) => {
  await using lab = open();
  await applyPolicy(lab, policy);
  const job = await lab.take('a');
  lab.backend.freeSince('a');
  await lab.redis.hset(lab.keys.stats('q'), 'sent', 5);
  await lab.add('b', 'c');
  await prepare(lab);
  const before = performance.now();
  await lab.end(job, {}, true);
  expect(await lab.redis.lrange(lab.bull.active, 0, -1)).toEqual(['b']);
  const since = lab.backend.freeSince('b');
  expect(since !== undefined && since >= before).toBe(isFree);
  expect(await lab.redis.hget(lab.keys.stats('q'), 'sent')).toBe(isFree ? '6' : '5');
  // The same where no job ends.
  const next = await lab.worker.getNextJob('token-c', { block: false });
  expect(next?.id).toBe('c');
  const asked = ['a cancelled job', 'a job with an outcome'].includes(_what) || isFree;
  expect(lab.backend.freeSince('c') !== undefined).toBe(asked);
});
