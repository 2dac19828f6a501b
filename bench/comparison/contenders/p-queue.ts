// p-queue knows one process only, so each has its share of the rate: its sliding window, as its README advises for APIs.
import PQueue from 'p-queue';
import { concurrency, contend, request } from '../contender.ts';

await contend(async ({ urls, limit, perMs, processes }) => {
  const intervalCap = Math.floor(limit / processes);
  const queue = new PQueue({ concurrency, interval: perMs, intervalCap, strict: true });
  return () => queue.addAll(urls.map((url) => () => request(url)));
});
