import { type Outcome, SluiceError, type ErrorCode as Code } from '@sluice/shared';
import type { JobSpec, PolicyInput, Sluice } from '../../producer/src/index.ts';
import type { Answer, GatewayRig } from './gateway-rig.ts';

/** A job's end, whichever way it came. */
export type End = { outcome: Outcome; text: string };

/** A spec as JSON can hold it. */
export type Spec = JobSpec & { url: string };

/** What a caller can do, by the library or over HTTP. A call that fails throws a `Refused`. */
export interface Front {
  /** @param key names the call */
  enqueue(spec: Spec, key?: string): Promise<{ id: string; existed: boolean }>;
  end(id: string): Promise<End>;
  fetch(spec: Spec): Promise<End>;
  look(id: string): Promise<{ status: string; why: string }>;
  cancel(id: string): Promise<string>;
  /** @returns the codes of the specs that were refused */
  upload(batch: string, specs: Spec[]): Promise<string[]>;
  progress(batch: string): Promise<{ total: number; ended: number; failed: number; sealed: boolean }>;
  ends(batch: string): Promise<{ id: string; kind: string }[]>;
  dead(code?: string): Promise<{ id: string; code: string; attempts: number }[]>;
  redrive(ids: string[]): Promise<{ redriven: number; skipped: string[] }>;
  purge(): Promise<number>;
  setPolicy(queue: string, policy: PolicyInput): Promise<string>;
  policy(queue: string): Promise<Record<string, unknown>>;
  pause(isPaused: boolean): Promise<void>;
  schedule(name: string, every: string, job: Spec): Promise<void>;
  schedules(): Promise<{ name: string; every: number | null }[]>;
  unschedule(name: string): Promise<void>;
}

/** A call that failed: its code, and the paths of its faults. */
export class Refused extends Error {
  readonly code: string;
  readonly paths: string[];

  constructor(code: string, paths: string[]) {
    super(`${code} ${paths.join(' ')}`);
    this.code = code;
    this.paths = paths;
  }
}

/** The library, with its errors as the suite compares them. */
export function libraryFront(sluice: Sluice, queue: string): Front {
  const text = (body: Uint8Array) => new TextDecoder().decode(body);
  const front: Front = {
    enqueue: async (spec, key) => await sluice.enqueue(spec, { queue, enqueueKey: key }),
    async end(id) {
      const { outcome, body } = await sluice.job(id, { queue }).outcome();
      return { outcome, text: text(body) };
    },
    fetch: async (spec) => await front.end((await front.enqueue(spec)).id),
    look: async (id) => await sluice.job(id, { queue }).explain(),
    cancel: async (id) => await sluice.job(id, { queue }).cancel(),
    async upload(batch, specs) {
      await sluice.batch(batch).bind(queue);
      const codes: Code[] = [];
      for await (const { error } of sluice.enqueueMany(specs, { queue, batch, settled: true })) {
        if (error !== undefined) codes.push(error.code);
      }
      return codes;
    },
    progress: async (batch) => await sluice.batch(batch).progress(),
    async ends(batch) {
      const list = [];
      for await (const { id, outcome } of sluice.batch(batch).results())
        list.push({ id, kind: outcome.kind });
      return list;
    },
    dead: async (code) => (await sluice.dead.list(queue, code === undefined ? {} : { code })).letters,
    redrive: async (ids) => await sluice.dead.redrive(queue, ids),
    purge: async () => await sluice.dead.purge(queue),
    setPolicy: async (name, policy) => (await sluice.policies.update(name, () => policy)).change,
    policy: async (name) => (await sluice.queues.show(name)).policy,
    pause: async (isPaused) => await (isPaused ? sluice.queues.pause(queue) : sluice.queues.resume(queue)),
    schedule: async (name, every, job) => await sluice.schedules.upsert(name, { every }, job, { queue }),
    schedules: async () => await sluice.schedules.list({ queue }),
    unschedule: async (name) => void (await sluice.schedules.remove(name, { queue })),
  };
  return refusing(front);
}

function refusing(front: Front): Front {
  const calls = Object.entries(front).map(
    ([name, call]: [string, (...args: never[]) => Promise<unknown>]) => [
      name,
      async (...args: never[]) => {
        try {
          return await call(...args);
        } catch (error) {
          if (!(error instanceof SluiceError)) throw error;
          const paths = error.faults.map(({ parts }) => `/${parts.join('/')}`);
          throw new Refused(error.code, paths);
        }
      },
    ],
  );
  return Object.fromEntries(calls) as Front;
}

/** The gateway, over a socket. */
export function gatewayFront(gateway: GatewayRig): Front {
  type End = { outcome: Outcome; body?: string };
  const call = async (...args: Parameters<GatewayRig['call']>): Promise<Answer> => {
    const answer = await gateway.call(...args);
    if (answer.status < 400) return answer;
    const problem = answer.json<{ code: string; faults?: { pointer: string }[] }>();
    throw new Refused(
      problem.code,
      (problem.faults ?? []).map(({ pointer }) => pointer.slice(1)),
    );
  };
  const ended = ({ outcome, body = '' }: End) => ({ outcome, text: body });
  return {
    async enqueue(spec, key) {
      const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
      const answer = await call('POST', 'jobs', { json: spec, headers });
      const { id } = answer.json<{ id: string }>();
      return { id, existed: answer.headers.get('idempotency-replayed') === 'true' };
    },
    end: async (id) => ended((await call('GET', `jobs/${id}/result`)).json<End>()),
    fetch: async (spec) => ended((await call('POST', 'fetch', { json: spec })).json<End>()),
    look: async (id) => (await call('GET', `jobs/${id}`)).json(),
    cancel: async (id) => (await call('DELETE', `jobs/${id}`)).json<{ result: string }>().result,
    async upload(batch, specs) {
      const body = specs.map((spec) => `${JSON.stringify(spec)}\n`).join('');
      const headers = { 'content-type': 'application/x-ndjson' };
      const answer = await call('POST', `jobs/batch?batch=${batch}`, { body, headers });
      return answer.json<{ faults: { code: string }[] }>().faults.map(({ code }) => code);
    },
    progress: async (batch) => (await call('GET', `batches/${batch}`)).json(),
    async ends(batch) {
      const { text } = await call('GET', `batches/${batch}/results?follow=true`);
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map((line) => {
        const { id, outcome } = JSON.parse(line) as { id: string; outcome: Outcome };
        return { id, kind: outcome.kind };
      });
    },
    async dead(code) {
      const query = code === undefined ? '' : `?code=${code}`;
      return (await call('GET', `dead${query}`)).json<{ items: never[] }>().items;
    },
    redrive: async (ids) => (await call('POST', 'dead/redrive', { json: { ids } })).json(),
    purge: async () =>
      (await call('POST', 'dead/purge', { json: { all: true } })).json<{ removed: number }>().removed,
    setPolicy: async (name, policy) =>
      (await call('PUT', `/v1/queues/${name}`, { json: policy })).json<{ change: string }>().change,
    policy: async (name) =>
      (await call('GET', `/v1/queues/${name}`)).json<{ policy: Record<string, unknown> }>().policy,
    pause: async (isPaused) => void (await call('POST', isPaused ? 'pause' : 'resume')),
    schedule: async (name, every, job) =>
      void (await call('PUT', `schedules/${name}`, { json: { every, job } })),
    schedules: async () => (await call('GET', 'schedules')).json<{ schedules: never[] }>().schedules,
    unschedule: async (name) => void (await call('DELETE', `schedules/${name}`)),
  };
}
