export const queue = 'chaos';

/** What all runs have in common. Short times, so that a run of minutes has many recoveries in it. */
export const settings = {
  rate: { limit: 100, perMs: 1000 },
  workers: 4,
  producers: 3,
  /** Jobs under way in one producer: enough that the rate is the bottleneck. */
  inFlight: 70,
  lockMs: 5000,
  stalledMs: 1000,
  graceMs: 3000,
  timeoutMs: 3000,
  /** After this without an answer a client takes its connection for dead (shared/redis-server.ts). */
  socketTimeoutMs: 15_000,
};
