import type { Sluice, WorkerRecord } from '@sluice/producer';
import { SluiceError, serves } from '@sluice/shared';
import { type RawRedisOptions, knownQueue, oneStep, withSluice } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { paintFor } from '../text/colour.ts';
import { jobListText, jobText } from './text.ts';

const invalid = 'SLUICE_INVALID_CONFIG';

async function workersOf(sluice: Sluice, queue: string): Promise<WorkerRecord[]> {
  return (await sluice.workers()).filter((worker) => serves(worker, queue));
}

/** `sluice job show QUEUE ID`. @throws SluiceError SLUICE_RESULT_EXPIRED when there is no such job */
export async function jobShow(
  queue: string,
  id: string,
  raw: RawRedisOptions & { json?: boolean; reveal?: boolean },
  io: ProcessIo,
): Promise<number> {
  const { explanation, workers } = await withSluice(
    raw,
    io,
    async (sluice) => ({
      explanation: await sluice.job(id, { queue }).explain(),
      workers: await workersOf(sluice, queue),
    }),
    oneStep,
  );
  if (explanation.status === 'unknown') {
    const message = `queue "${queue}" has no job "${id}", or its outcome is no longer kept`;
    throw new SluiceError('SLUICE_RESULT_EXPIRED', message);
  }
  if (raw.json) io.stdout.write(`${JSON.stringify({ ...explanation, workers })}\n`);
  else io.screen.write(jobText(explanation, workers, raw.reveal, paintFor(io.stdout, io.env)));
  return exitCodes.allCompleted;
}

const did = {
  cancelled: 'cancelled',
  cancelling: 'its worker was told to abort it',
  ended: 'had ended before',
  unknown: 'there is no such job, or its outcome is no longer kept',
} as const;

/** `sluice job cancel QUEUE ID…`. @returns 2 when one had ended, or is not there */
export async function jobCancel(
  queue: string,
  ids: readonly string[],
  raw: RawRedisOptions & { json?: boolean },
  io: ProcessIo,
): Promise<number> {
  return await withSluice(
    raw,
    io,
    async (sluice) => {
      await knownQueue(sluice, queue);
      let left = 0;
      for (const id of ids) {
        const result = await sluice.job(id, { queue }).cancel();
        if (result === 'ended' || result === 'unknown') left += 1;
        io.stdout.write(raw.json ? `${JSON.stringify({ queue, id, result })}\n` : `${id}: ${did[result]}\n`);
      }
      return left > 0 ? exitCodes.someFailed : exitCodes.allCompleted;
    },
    oneStep,
  );
}

/** The states of jobs that have not ended, and of those that failed. */
export const listedStates = ['waiting', 'active', 'delayed', 'failed'] as const;

export type ListedState = (typeof listedStates)[number];

/** `sluice job list QUEUE`: those that run, then those that wait, in the order in which they are taken. */
export async function jobList(
  queue: string,
  raw: RawRedisOptions & { state?: ListedState; limit: string; json?: boolean },
  io: ProcessIo,
): Promise<number> {
  const limit = /^\d+$/.test(raw.limit) ? Number(raw.limit) : 0;
  if (limit < 1 || limit > 10_000) {
    throw new SluiceError(invalid, `--limit: "${raw.limit}" is not a whole number from 1 to 10000`);
  }
  await withSluice(
    raw,
    io,
    async (sluice) => {
      await knownQueue(sluice, queue);
      const states = raw.state === undefined ? (['active', 'waiting', 'delayed'] as const) : [raw.state];
      const ids: string[] = [];
      let more = false;
      for (const state of states) {
        const some = await sluice.queues.jobs(queue, state, limit - ids.length + 1);
        more ||= some.length > limit - ids.length;
        ids.push(...some.slice(0, limit - ids.length));
      }
      const list = await Promise.all(ids.map((id) => sluice.job(id, { queue }).explain()));
      if (raw.json) {
        io.stdout.write(list.map((one) => `${JSON.stringify(one)}\n`).join(''));
        return;
      }
      const none = `${queue}: no jobs${raw.state === undefined ? '' : ` that are ${raw.state}`}\n`;
      const isServed = (await workersOf(sluice, queue)).length > 0;
      io.screen.write(list.length === 0 ? none : jobListText(list, isServed, paintFor(io.stdout, io.env)));
      if (more) io.stdout.write('there are more; see --limit\n');
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}
