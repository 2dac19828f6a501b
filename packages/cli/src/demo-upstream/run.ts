import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError, formatDuration } from '@sluice/shared';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { reason } from '../reason.ts';
import { type RawDemoUpstreamOptions, readDemoUpstreamOptions } from './options.ts';
import { type Counts, type DemoUpstream, type DemoUpstreamOptions, startDemoUpstream } from './server.ts';

const reportEveryMs = 1000;

/** What its counts say, for people. Pure. */
export function countsText({ answered, rejected, failed }: Counts): string {
  const failures = failed === 0 ? '' : `, ${failed} failed on purpose`;
  return `${answered} answered, ${rejected} rejected with 429${failures}`;
}

/** `sluice demo-upstream`: serves until it is interrupted. @returns the exit code */
export async function demoUpstream(raw: RawDemoUpstreamOptions, io: ProcessIo): Promise<number> {
  const { interrupt, stdout, stderr } = io;
  const options = readDemoUpstreamOptions(raw);
  const upstream = await start(options);
  const { limit } = options;
  const rule =
    limit === null
      ? 'takes every request; --rate sets a limit'
      : `rejects more than ${limit.limit} requests in any ${formatDuration(limit.perMs)}`;
  // The URL alone on standard output, for scripts.
  stdout.write(`${upstream.url}\n`);
  stderr.write(`sluice: the upstream ${rule}. Ctrl-C stops it.\n`);
  io.stopping.text = 'stopping';
  let before = countsText(upstream.counts());
  while (!interrupt.aborted) {
    await sleep(reportEveryMs, undefined, { signal: interrupt }).catch(() => {});
    const now = countsText(upstream.counts());
    if (now !== before) stderr.write(`${now}\n`);
    before = now;
  }
  await upstream.close();
  return exitCodes.allCompleted;
}

/** @throws SluiceError SLUICE_INVALID_CONFIG when the address cannot be had */
async function start(options: DemoUpstreamOptions): Promise<DemoUpstream> {
  try {
    return await startDemoUpstream(options);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'EADDRINUSE' ? 'is in use; choose another with --port' : `cannot be used: ${reason(error)}`;
    const message = `${options.host}:${options.port} ${why}`;
    throw new SluiceError('SLUICE_INVALID_CONFIG', message, { cause: error });
  }
}
