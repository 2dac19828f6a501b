import { type ProcessIo, exitCodes } from '../process-io.ts';
import { interrupted } from '../server-options.ts';
import { namedAsTyped, withOptions } from '../variables.ts';
import { type RawWorkerOptions, workerOptionNames } from './options.ts';

/** `sluice worker`: serves until it is interrupted, then drains. @returns the exit code */
export async function workerCommand(raw: RawWorkerOptions, io: ProcessIo): Promise<number> {
  const { interrupt, stopping } = io;
  // Other commands need none of it.
  const { createLogger, openWorkerProcess, readWorkerConfig } = await import('@sluice/worker/process');
  const config = namedAsTyped(
    () => readWorkerConfig(withOptions(raw, workerOptionNames, io.env)),
    raw,
    workerOptionNames,
    "the worker's settings have faults",
  );
  const log = createLogger('sluice-worker', config.logLevel);
  stopping.text = 'draining: requests under way may finish; Ctrl-C again gives them back at once';
  const opening = openWorkerProcess(config, log);
  const stopped = interrupted(interrupt);
  // Nothing was taken yet, so there is nothing to give back.
  if ((await Promise.race([opening, stopped])) === 'stopped') return exitCodes.allCompleted;
  const worker = await opening;
  stopping.again = () => void worker.pool.drain(0);
  await Promise.race([worker.serve(), stopped]);
  await stopped;
  const isEmpty = await worker.pool.drain(config.graceMs);
  worker.done();
  if (!isEmpty) log.error('Redis did not answer: the jobs in flight run again when their locks have expired');
  return isEmpty ? exitCodes.allCompleted : exitCodes.fault;
}
