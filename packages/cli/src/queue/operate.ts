import { SluiceError, closedPorts, serves } from '@sluice/shared';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { type RawPolicyOptions, patchPolicy } from './policy-patch.ts';
import { listText, showText } from './show-text.ts';
import { paintFor } from '../text/colour.ts';
import { updateText } from './policy-text.ts';
import { type RawRedisOptions, knownQueue, withSluice } from '../fleet-options.ts';

/** `sluice queue set NAME`: changes what the options name, and says what changed. */
export async function queueSet(
  name: string,
  raw: RawRedisOptions & RawPolicyOptions,
  io: ProcessIo,
): Promise<number> {
  await withSluice(raw, io, async (sluice) => {
    const update = await sluice.policies.update(name, (before) => patchPolicy(before, raw));
    io.stdout.write(updateText(name, update));
  });
  return exitCodes.allCompleted;
}

/** `sluice queue list`. */
export async function queueList(raw: RawRedisOptions & { json?: boolean }, io: ProcessIo): Promise<number> {
  await withSluice(raw, io, async (sluice) => {
    const names = await sluice.queues.list();
    const states = await Promise.all(names.map((name) => sluice.queues.show(name)));
    if (raw.json) io.stdout.write(`${JSON.stringify(states)}\n`);
    else if (states.length > 0) io.screen.write(listText(states, paintFor(io.stdout, io.env)));
    else io.stdout.write('no queues yet; create one with: sluice queue set NAME --rate 100/60s\n');
  });
  return exitCodes.allCompleted;
}

/** `sluice queue show NAME`. */
export async function queueShow(
  name: string,
  raw: RawRedisOptions & { json?: boolean },
  io: ProcessIo,
): Promise<number> {
  await withSluice(raw, io, async (sluice) => {
    await knownQueue(sluice, name);
    const state = await sluice.queues.show(name);
    const workers = (await sluice.workers()).filter((worker) => serves(worker, name));
    const closed = closedPorts(state.policy.egress);
    const json = () => `${JSON.stringify({ ...state, closedPorts: closed, workers })}\n`;
    io.stdout.write(raw.json ? json() : showText(state, workers, Date.now()));
  });
  return exitCodes.allCompleted;
}

/** `sluice queue pause NAME` and `sluice queue resume NAME`. */
export async function queuePause(
  name: string,
  paused: boolean,
  raw: RawRedisOptions,
  io: ProcessIo,
): Promise<number> {
  await withSluice(raw, io, async (sluice) => {
    await knownQueue(sluice, name);
    await (paused ? sluice.queues.pause(name) : sluice.queues.resume(name));
    const how = paused ? 'paused; requests under way finish, nothing more is taken' : 'resumed';
    io.stdout.write(`${name}: ${how}\n`);
  });
  return exitCodes.allCompleted;
}

/** `sluice queue release NAME [ORIGIN]`. */
export async function queueRelease(
  name: string,
  given: string | undefined,
  raw: RawRedisOptions,
  io: ProcessIo,
): Promise<number> {
  const origin = given === undefined ? undefined : URL.parse(given)?.origin;
  if (given !== undefined && (origin === undefined || origin === 'null')) {
    const message = `"${given}" is not an origin; write scheme, host and port, such as https://api.example.com`;
    throw new SluiceError('SLUICE_INVALID_CONFIG', message);
  }
  await withSluice(raw, io, async (sluice) => {
    await knownQueue(sluice, name);
    const { holds } = await sluice.queues.show(name);
    const lifted = await sluice.queues.release(name, origin);
    const were = holds.map((hold) => hold.origin).join(', ');
    const nothing = given === undefined || were === '' ? 'nothing is held' : `${given} is not held (${were})`;
    const done = `${lifted} ${lifted === 1 ? 'hold' : 'holds'} lifted`;
    io.stdout.write(`${name}: ${lifted === 0 ? nothing : done}\n`);
  });
  return exitCodes.allCompleted;
}

/** `sluice queue remove NAME --yes`: the queue, its policy and every job in it. */
export async function queueRemove(
  name: string,
  raw: RawRedisOptions & { yes?: boolean },
  io: ProcessIo,
): Promise<number> {
  await withSluice(raw, io, async (sluice) => {
    await knownQueue(sluice, name);
    const { counts } = await sluice.queues.show(name);
    const jobs = `${counts.waiting} waiting, ${counts.active} active, ${counts.delayed} delayed and ${counts.failed} failed jobs`;
    if (!raw.yes) {
      const message = `this removes queue "${name}" with its policy and ${jobs}, for good; add --yes to do it`;
      throw new SluiceError('SLUICE_INVALID_CONFIG', message);
    }
    await sluice.queues.remove(name);
    io.stdout.write(`${name}: removed, with ${jobs}\n`);
  });
  return exitCodes.allCompleted;
}
