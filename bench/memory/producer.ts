// The producer of the memory bench: keeps a number of tasks of the mix under way, and says when as many jobs have ended
// as it was asked for. It goes on until it is told to rest.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@sluice/producer';
import { readSetting } from '../throughput/contenders/task.ts';
import { taskOf } from './mix.ts';
import { dedupTtlMs, keepMs } from './task.ts';

export type ProducerAsk = { type: 'run'; jobs: number } | { type: 'rest'; jobs: number };

/** Time for what cancels and acknowledgements do later, and for Redis to remove what has expired. */
const trailMs = 2000;

const { redisUrl, queue, upstreamUrl, inFlight } = readSetting();
const sluice = await connect({ redis: redisUrl, queue, dedupTtlMs });
const tools = { sluice, redisUrl, queue, upstreamUrl };

let started = 0;
let ended = 0;
let wanted = 0;
let resting = true;
let slots: Promise<void>[] = [];

const fail = (error: unknown) => {
  console.error(error);
  process.exit(1);
};

async function slot(): Promise<void> {
  while (!resting) {
    const n = started++;
    const task = taskOf(n);
    try {
      await task.perform(tools, n);
    } catch (error) {
      throw new Error(`task ${n}, ${task.name}`, { cause: error });
    }
    const before = ended;
    ended += task.jobs;
    if (before < wanted && ended >= wanted) process.send?.({ type: 'ran', jobs: ended });
  }
}

async function answer(ask: ProducerAsk): Promise<void> {
  if (ask.type === 'run') {
    wanted = ask.jobs;
    if (resting) {
      resting = false;
      slots = Array.from({ length: inFlight }, slot);
      for (const one of slots) one.catch(fail);
    }
    if (ended >= wanted) process.send?.({ type: 'ran', jobs: ended });
  } else if (ask.type === 'rest') {
    resting = true;
    await Promise.all(slots);
    slots = [];
    await sleep(Math.max(dedupTtlMs, keepMs) + trailMs);
    process.send?.({ type: 'rests', jobs: ended });
  }
}

process.on('message', (ask: ProducerAsk) => void answer(ask).catch(fail));
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole group; the parent says when to go.
process.on('SIGINT', () => {});
process.send?.({ type: 'started' });
