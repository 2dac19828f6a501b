import type { JobSpec } from '@sluice/producer';
import { SluiceError, normalSpecSchema, validate } from '@sluice/shared';
import { type RawRedisOptions, knownQueue, oneStep, withSluice } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { type RawRequestOptions, readRequest, readSpan } from '../request/options.ts';
import { checkInput, readSpecs } from '../run/input/check.ts';
import { openSource } from '../run/input/source.ts';
import { printableInLine } from '../text/printable.ts';

const invalid = 'SLUICE_INVALID_CONFIG';

/** As typed. */
type RawEnqueueOptions = RawRedisOptions &
  RawRequestOptions & {
    queue: string;
    id?: string;
    delay?: string;
    priority?: string;
    batch?: string;
    seal: boolean;
    json?: boolean;
  };

/** What the options say of every job that does not say it itself. */
function commonOf(raw: RawEnqueueOptions): Partial<JobSpec> {
  const { id, delay, priority } = raw;
  if (priority !== undefined && !/^\d+$/.test(priority)) {
    throw new SluiceError(invalid, `--priority: "${priority}" is not a whole number from 0`);
  }
  return {
    ...(id !== undefined && { id }),
    ...(delay !== undefined && { delayMs: readSpan('--delay', delay, 0) }),
    ...(priority !== undefined && { priority: Number(priority) }),
  };
}

/** A job of the input with the options beneath it. */
function laidOver(common: Partial<JobSpec>, spec: JobSpec): JobSpec {
  // A line that names its own time has no other one.
  const { delayMs: _, ...rest } = common;
  return { ...(spec.runAt === undefined ? common : rest), ...spec };
}

/** Enqueues, and prints each id when its job is accepted. */
async function enqueueAll(
  specs: Iterable<JobSpec> | AsyncIterable<JobSpec>,
  raw: RawEnqueueOptions,
  io: ProcessIo,
): Promise<number> {
  const { queue, batch, seal, json = false } = raw;
  return await withSluice(
    raw,
    io,
    async (sluice) => {
      await knownQueue(sluice, queue);
      const options = { queue, ...(batch !== undefined && { batch, seal }) };
      for await (const { id } of sluice.enqueueMany(specs, options)) {
        io.stdout.write(
          json ? `${JSON.stringify({ id, queue, ...(batch !== undefined && { batch }) })}\n` : `${id}\n`,
        );
      }
      return exitCodes.allCompleted;
    },
    oneStep,
  );
}

/** `sluice enqueue URL…`, or `-`. @throws SluiceError with every fault of the input, before anything is enqueued */
export async function enqueueCommand(urls: string[], raw: RawEnqueueOptions, io: ProcessIo): Promise<number> {
  const common = commonOf(raw);
  const fromInput = urls.includes('-');
  if (raw.id !== undefined && (urls.length > 1 || fromInput)) {
    throw new SluiceError(invalid, '--id: is for one URL; in the lines of standard input, give "id"');
  }
  const request = await readRequest(raw, io);
  if (!fromInput) {
    const specs = urls.map((url) => ({ ...request, ...common, url }));
    for (const spec of specs) validate(normalSpecSchema, spec, 'SLUICE_INVALID_SPEC', spec.url);
    return await enqueueAll(specs, raw, io);
  }
  if (urls.length > 1) throw new SluiceError(invalid, 'give URLs, or - for standard input');
  await using source = await openSource('-', io.stdin, io.interrupt);
  const { faults } = await checkInput(source, (line, message) => {
    io.stderr.write(`sluice: line ${line}: ${printableInLine(message)}\n`);
  });
  if (faults > 0) {
    const message = `${faults} bad ${faults === 1 ? 'line' : 'lines'}; nothing was enqueued`;
    throw new SluiceError('SLUICE_INVALID_SPEC', message);
  }
  const beneath = { ...request, ...common };
  const specs = async function* () {
    for await (const spec of readSpecs(source)) yield laidOver(beneath, spec);
  };
  return await enqueueAll(specs(), raw, io);
}
