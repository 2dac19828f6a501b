import { setTimeout as sleep } from 'node:timers/promises';
import { type FetchResponse, type Handle, JobError, type JobSpec } from '@sluice/producer';
import { SluiceError } from '@sluice/shared';
import { type RawRedisOptions, knownQueue, oneStep, withSluice } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { type RawRequestOptions, readRequest, readSpan } from '../request/options.ts';
import { type OutputOptions, writeFailure, writeResponse } from './output.ts';

/** As typed. */
type RawFetchOptions = RawRedisOptions &
  RawRequestOptions &
  OutputOptions & {
    fail?: boolean;
    queue: string;
    timeout?: string;
    deadline: string;
    bodyStore?: string;
  };

/** What curl ends with if it was told to fail. */
const failedStatus = 22;

/** Workers end a job within this of its deadline; one that still waits then has no worker, ms. */
const deadlineGraceMs = 1500;

/** The outcome is read at once; kept a little longer, for a connection that breaks meanwhile, ms. */
const keepMs = 60_000;

/** How long a cancel may take when the program is about to end, ms. */
const cancelMs = 1000;

/** Cancels the job before the process ends. */
async function cancelled(handle: Handle): Promise<never> {
  await Promise.race([handle.cancel().catch(() => {}), sleep(cancelMs)]);
  throw new DOMException('stopped', 'AbortError');
}

/** Awaits the answer until the deadline, even where no worker serves the queue; an interrupt cancels the job. */
async function answer(handle: Handle, deadline: number, io: ProcessIo): Promise<FetchResponse> {
  const overdue = AbortSignal.timeout(Math.max(0, deadline - Date.now()) + deadlineGraceMs);
  const signal = AbortSignal.any([overdue, io.interrupt]);
  try {
    return await handle.result({ signal, keep: true });
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'SLUICE_WAIT_ABORTED') throw error;
    if (io.interrupt.aborted) return await cancelled(handle);
    await handle.cancel();
    const message = `no worker ended the job by its deadline; is there one that serves queue "${handle.queue}", and does its rate allow for the backlog?`;
    throw new SluiceError('SLUICE_EXPIRED', message);
  }
}

/** `sluice fetch URL`. */
export async function fetchCommand(url: string, raw: RawFetchOptions, io: ProcessIo): Promise<number> {
  const request = await readRequest(raw, io);
  const timeoutMs = raw.timeout === undefined ? undefined : readSpan('--timeout', raw.timeout);
  const deadlineMs = readSpan('--deadline', raw.deadline);
  const bodyStore = raw.bodyStore ?? (io.env['SLUICE_BODY_STORE'] || undefined);
  const own = { ...io, interrupt: new AbortController().signal };
  return await withSluice(
    raw,
    // Ctrl-C is ours: the job must be cancelled before the connection is closed.
    own,
    async (sluice) => {
      await knownQueue(sluice, raw.queue);
      const deadline = Date.now() + deadlineMs;
      const spec: JobSpec = { ...request, url, deadline, ...(timeoutMs !== undefined && { timeoutMs }) };
      const handle = await sluice.enqueue(spec, { queue: raw.queue, keepMs });
      let response: FetchResponse;
      try {
        response = await answer(handle, deadline, io);
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error;
        if (error.code === 'SLUICE_REDIS_UNREACHABLE') {
          throw new SluiceError(error.code, `${error.message} The job goes on: ${handle.id}`);
        }
        const last = error instanceof JobError ? error.response : undefined;
        // A status that was retried in vain is an answer, too.
        if (last !== undefined && error.code !== 'SLUICE_TOO_LARGE') {
          io.stderr.write(`sluice: job ${handle.id}: ${error.message}\n`);
          return await ended(last, handle, raw, io);
        }
        writeFailure(error, handle, raw, io);
        return exitCodes.someFailed;
      }
      return await ended(response, handle, raw, io);
    },
    { ...oneStep, ...(bodyStore !== undefined && { bodyStore }) },
  );
}

async function ended(
  response: FetchResponse,
  { id, queue }: Handle,
  raw: RawFetchOptions,
  io: ProcessIo,
): Promise<number> {
  const isFailure = raw.fail === true && response.status >= 400;
  if (isFailure && raw.json !== true) {
    io.stderr.write(`sluice: the response has status ${response.status}\n`);
    return failedStatus;
  }
  await writeResponse(response, { id, queue }, raw, io);
  return isFailure ? failedStatus : exitCodes.allCompleted;
}
