import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { Rig, quick } from '../../worker/test/rig.ts';
import { FetchResponse, JobError, SluiceError, type StreamItem, connect } from '../src/index.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open({ policy: { retry: { ...quick, attempts: 2 } } });
});
beforeEach(() => rig.upstream.reset());
afterAll(() => rig[Symbol.asyncDispose]());

async function failureOf(call: Promise<unknown>): Promise<JobError> {
  const error: unknown = await call.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(JobError);
  return error as JobError;
}

describe('the error of a job', () => {
  test('names its request, without the query, its job and its attempts', async () => {
    const handle = await rig.sluice.enqueue(rig.url('/status/500?token=secret#there'), { method: 'PUT' });
    const error = await failureOf(handle.result());
    const url = `${rig.upstream.url}/status/500?…`;
    expect(error).toMatchObject({
      id: handle.id,
      queue: rig.queue,
      method: 'PUT',
      url,
      attempts: 2,
      code: 'SLUICE_HTTP_ERROR',
    });
    expect(error.message).toContain(`; PUT ${url}, job ${handle.id} in queue "${rig.queue}", 2 attempts`);
    expect(error.response?.status).toBe(500);
    expect(error.outcome.kind).toBe('http-error');
    expect(error.ends).toMatchObject([
      { n: 1, kind: 'http-error', status: 500 },
      { n: 2, kind: 'http-error', status: 500 },
    ]);
    expect(inspect(error)).not.toContain('secret');
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  test('names it in a process that did not enqueue it, too', async () => {
    await using other = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, queue: rig.queue });
    const handle = await rig.sluice.enqueue(rig.url('/status/500?token=secret'));
    await handle.outcome();
    const error = await failureOf(other.job(handle.id).result());
    expect(error).toMatchObject({ method: 'GET', url: `${rig.upstream.url}/status/500?…`, attempts: 2 });
  });

  test('is printed without an empty list of faults, as every error is', () => {
    expect(inspect(new SluiceError('SLUICE_CLOSED', 'closed'))).not.toContain('faults');
    const faults = [{ path: 'a', parts: ['a'], message: 'b' }];
    expect(inspect(new SluiceError('SLUICE_INVALID_SPEC', 'closed', { faults }))).toContain('faults');
    expect(new SluiceError('SLUICE_CLOSED', 'closed').faults).toEqual([]);
  });
});

describe('an item', () => {
  const specs = () => [rig.url('/delay/1'), rig.url('/status/404'), rig.url('/status/500?secret')];

  function check(item: Pick<StreamItem, 'index' | 'ok' | 'response' | 'error' | 'outcome'>): void {
    const { index, ok, response, error } = item;
    if (index < 2) {
      expect(ok).toBe(true);
      expect(error).toBeUndefined();
      expect(response).toBeInstanceOf(FetchResponse);
      expect(response?.status).toBe(index === 0 ? 200 : 404);
      if (index === 0) expect(response?.json()).toEqual({ delayedMs: 1 });
    } else {
      expect(ok).toBe(false);
      expect(response).toBeUndefined();
      expect(error).toBeInstanceOf(JobError);
      expect(error).toMatchObject({ code: 'SLUICE_HTTP_ERROR', attempts: 2 });
      expect(error?.url).toBe(`${rig.upstream.url}/status/500?…`);
    }
    expect(item.outcome.kind).toBe(index < 2 ? 'response' : 'http-error');
  }

  test('of a stream has the response that fetch gives, or the error that fetch throws', async () => {
    let seen = 0;
    for await (const item of rig.sluice.stream(specs())) {
      check(item);
      if (item.error) expect(item.error.method).toBe('GET');
      seen += 1;
    }
    expect(seen).toBe(3);
  });

  test('of a batch has the same', async () => {
    for await (const _ of rig.sluice.enqueueMany(specs(), { batch: 'items' }));
    let seen = 0;
    for await (const item of rig.sluice.batch('items').results()) {
      check(item);
      if (item.error)
        expect(item.error.message).toMatch(
          /; GET http:\/\/127\.0\.0\.1:\d+\/\S+, job \S+ in queue "q", \d attempts?$/,
        );
      seen += 1;
    }
    expect(seen).toBe(3);
  });
});

test('a response has no headers of the upstream’s connection', async () => {
  const { response } = await rig.end('/json').then(({ outcome }) => outcome);
  expect(Object.keys(response!.headers)).toContain('connection');
  const { headers } = await rig.sluice.fetch(rig.url('/json'));
  const names = [...headers.keys()];
  expect(names).toContain('content-type');
  for (const name of ['connection', 'keep-alive', 'transfer-encoding']) expect(names).not.toContain(name);
});
