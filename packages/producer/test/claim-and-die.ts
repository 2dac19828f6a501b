// A producer of a test: records an idempotency key, and dies before it adds the job.
import { Redis } from 'ioredis';
import { keysOf, normalSpecSchema } from '@sluice/shared';
import { Dedup } from '../src/enqueue/dedup.ts';

const { REDIS_URL = '', PREFIX = '', QUEUE = '', SPEC = '{}' } = process.env;
const spec = normalSpecSchema.parse(JSON.parse(SPEC));
const dedup = new Dedup(new Redis(REDIS_URL), keysOf(PREFIX));
const claim = await dedup.claim({ queue: QUEUE, spec, batch: undefined, recordMs: 60_000, what: 'job spec' });
process.send?.({ id: claim?.id }, () => process.kill(process.pid, 'SIGKILL'));
