// A process of a test: asks for a place in a semaphore, says when it has it, and waits to be killed.
import { connect } from '@sluice/producer';

const { REDIS_URL = '', PREFIX = '', LEASE_MS = '' } = process.env;
const sluice = await connect({ redis: REDIS_URL, prefix: PREFIX });
await sluice.semaphore('s', 1, { leaseMs: Number(LEASE_MS) }).acquire();
process.send?.('inside');
setInterval(() => {}, 60_000);
