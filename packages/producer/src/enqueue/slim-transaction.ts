import type { IRedisClient, IRedisTransaction } from 'bullmq';

/** The scripts that adding a job may call: BullMQ's, and ours. */
const isForAdding = /^(add\w*Job|sluiceAdded)\b/;

type Scripts = Record<string, unknown>;
const chosen = new WeakMap<Scripts, Scripts>();

/**
 * A transaction that adds jobs. ioredis copies every script that a client knows onto each of its transactions: with
 * BullMQ's some sixty that is 10 KB of garbage a job, and a third of all that an enqueue allocates. So the others are
 * hidden while it is made. The client's scripts must be complete.
 */
export function slimTransaction(client: IRedisClient): IRedisTransaction {
  const ioredis = client as { scriptsSet?: Scripts };
  const all = ioredis.scriptsSet;
  // A client of another kind, or an ioredis that keeps them elsewhere.
  if (all === undefined) return client.multi();
  let few = chosen.get(all);
  if (few === undefined) {
    few = Object.fromEntries(Object.entries(all).filter(([name]) => isForAdding.test(name)));
    chosen.set(all, few);
  }
  // Nothing else runs between the two: no call here waits.
  ioredis.scriptsSet = few;
  try {
    return client.multi();
  } finally {
    ioredis.scriptsSet = all;
  }
}
