import type { StandardSchemaV1 } from '@standard-schema/spec';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Rig, loopback, quick } from '../../worker/test/rig.ts';
import { ApiClient, SchemaError, StatusError } from '../src/index.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open();
});
beforeEach(() => rig.upstream.reset());
afterAll(() => rig[Symbol.asyncDispose]());

const delayed = z.object({ delayedMs: z.number() }).transform(({ delayedMs }) => delayedMs * 2);

/** A schema of no library, which is asynchronous. */
const never: StandardSchemaV1<unknown, string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async () => ({ issues: [{ message: 'is never right', path: ['a', { key: 1 }] }] }),
  },
};

test('a schema gives the JSON of a fetch and of a result its value', async () => {
  const response = await rig.sluice.fetch(rig.url('/delay/1'), { schema: delayed });
  expect(response.json()).toBe(2);
  expect(response.status).toBe(200);
  const handle = await rig.sluice.enqueue(rig.url('/delay/2'));
  expect((await handle.result({ schema: delayed })).json()).toBe(4);
  // Another caller may read it in another way.
  expect((await handle.result()).json()).toEqual({ delayedMs: 2 });
});

test('of whatever library, JSON that does not fit is an error with its issues', async () => {
  const api = new ApiClient({
    baseUrl: rig.upstream.url,
    rate: 1000,
    per: 1,
    sluice: rig.sluice,
    policy: { egress: loopback, retry: quick },
  });
  const handle = await rig.sluice.enqueue(rig.url('/delay/1?secret=1'));
  const calls: (() => Promise<unknown>)[] = [
    () => rig.sluice.fetch(rig.url('/delay/1?secret=1'), { schema: never }),
    () => handle.result({ schema: never }),
    () => api.get('/delay/1?secret=1', { schema: never }),
  ];
  for (const call of calls) {
    const error: unknown = await call().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(SchemaError);
    expect(error).toMatchObject({
      name: 'SchemaError',
      code: 'SLUICE_BAD_RESPONSE',
      message: `the JSON of GET ${rig.upstream.url}/delay/1?… does not fit the schema: a[1]: is never right`,
      issues: [{ message: 'is never right', path: ['a', { key: 1 }] }],
      faults: [{ path: 'a[1]', message: 'is never right' }],
    });
  }
});

test('an answer that is not 2xx is not checked: its status can be seen, and its JSON is refused', async () => {
  const response = await rig.sluice.fetch(rig.url('/status/404'), { schema: delayed });
  expect(response.status).toBe(404);
  expect(() => response.json()).toThrow(StatusError);
  expect(() => response.json()).toThrow(/^GET http.*\/status\/404 answered 404: \{/);
});

describe('a body that is not JSON', () => {
  test('is named with its request and its beginning, printable', async () => {
    const response = await rig.sluice.fetch(rig.url('/?token=secret'));
    const failure = () => response.json();
    expect(failure).toThrow(SyntaxError);
    expect(failure).toThrow(/^the body of GET http:\/\/127.0.0.1:\d+\/\?… \(status 200\) is not JSON: it /);
    await expect(rig.sluice.fetch(rig.url('/'), { schema: delayed })).rejects.toThrow(SyntaxError);
  });
});
