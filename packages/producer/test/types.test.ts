import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type {
  ApiClient,
  FetchResponse,
  Handle,
  JobError,
  JobSpec,
  Outcome,
  Settled,
  Sluice,
  StreamItem,
} from '../src/index.ts';

/**
 * What follows is checked by tsc and never called: the types that a user gets without writing one.
 * `expectTypeOf` does nothing when it runs.
 */
const user = z.object({ id: z.number(), name: z.string().optional() });
const urls = ['https://api.example.com/1'];

describe('the types of ApiClient', () => {
  test('follow from the schema, transforms included', () => {
    async function check(api: ApiClient) {
      expectTypeOf(await api.get('/u', { schema: user })).toEqualTypeOf<{
        id: number;
        name?: string | undefined;
      }>();
      expectTypeOf(await api.get('/u', { schema: z.array(user) })).toEqualTypeOf<z.output<typeof user>[]>();
      const count = z.object({ list: z.array(z.string()) }).transform(({ list }) => list.length);
      expectTypeOf(await api.get('/u', { schema: count })).toEqualTypeOf<number>();
      for (const send of [api.post.bind(api), api.put.bind(api), api.patch.bind(api)]) {
        expectTypeOf(send<typeof user>).returns.resolves.toEqualTypeOf<z.output<typeof user>>();
      }
      expectTypeOf(await api.post('/u', { id: 1 }, { schema: user })).toEqualTypeOf<z.output<typeof user>>();
      expectTypeOf(await api.delete('/u', { schema: z.null() })).toEqualTypeOf<null>();
    }
    expectTypeOf(check).returns.resolves.toEqualTypeOf<void>();
  });

  test('are unknown without one, so that nobody trusts what was not checked', () => {
    async function check(api: ApiClient) {
      expectTypeOf(await api.get('/u')).toEqualTypeOf<unknown>();
      expectTypeOf(await api.post('/u', { any: 'thing' }, { query: { page: 1 } })).toEqualTypeOf<unknown>();
      // @ts-expect-error -- the client says the method and the URL
      await api.get('/u', { method: 'POST' });
      // @ts-expect-error -- misspelt
      await api.get('/u', { shema: user });
    }
    expectTypeOf(check).returns.resolves.toEqualTypeOf<void>();
  });
});

describe('the types of gather', () => {
  test('are responses, or with settled what allSettled gives', () => {
    async function check(sluice: Sluice) {
      expectTypeOf(await sluice.gather(urls)).toEqualTypeOf<FetchResponse[]>();
      expectTypeOf(await sluice.gather(urls, { settled: false })).toEqualTypeOf<FetchResponse[]>();
      expectTypeOf(await sluice.gather(urls, { settled: true })).toEqualTypeOf<
        PromiseSettledResult<FetchResponse>[]
      >();
      async function* specs(): AsyncGenerator<string | JobSpec> {
        yield urls[0]!;
      }
      expectTypeOf(await sluice.gather(specs(), { queue: 'q' })).toEqualTypeOf<FetchResponse[]>();
      const [one, two] = await sluice.gather([urls[0]!, { url: new URL(urls[0]!) }]);
      expectTypeOf(one).toEqualTypeOf<FetchResponse>();
      expectTypeOf(two).toEqualTypeOf<FetchResponse>();
      const named = await sluice.gather({ a: urls[0]!, b: { url: urls[0]! } }, { settled: true });
      expectTypeOf(named).toEqualTypeOf<{
        a: PromiseSettledResult<FetchResponse>;
        b: PromiseSettledResult<FetchResponse>;
      }>();
      // @ts-expect-error -- a spec needs its URL
      await sluice.gather([{ method: 'GET' }]);
    }
    expectTypeOf(check).returns.resolves.toEqualTypeOf<void>();
  });
});

describe('the types of a group', () => {
  test('follow from its body', () => {
    async function check(sluice: Sluice) {
      const both = await sluice.group(async (group) => {
        const response = await group.fetch('https://api.example.com');
        expectTypeOf(response).toEqualTypeOf<FetchResponse>();
        return { status: response.status, twice: [1, 'two'] as const };
      });
      expectTypeOf(both).toEqualTypeOf<{ status: number; twice: readonly [1, 'two'] }>();
      expectTypeOf(await sluice.group(async () => {})).toEqualTypeOf<void>();
      // @ts-expect-error -- a body is asynchronous
      await sluice.group(() => 1);
    }
    expectTypeOf(check).returns.resolves.toEqualTypeOf<void>();
  });
});

describe('the types of a stream and of handles', () => {
  test('carry the outcome as data', () => {
    async function check(sluice: Sluice) {
      for await (const item of sluice.stream(urls, { inFlight: 10 })) {
        expectTypeOf(item).toEqualTypeOf<StreamItem>();
        expectTypeOf(item.index).toEqualTypeOf<number>();
        expectTypeOf(item.outcome).toEqualTypeOf<Outcome>();
        expectTypeOf(item.body).toEqualTypeOf<Uint8Array>();
        if (item.ok) expectTypeOf(item.response).toEqualTypeOf<FetchResponse>();
        else expectTypeOf(item.error).toEqualTypeOf<JobError>();
      }
      for await (const handle of sluice.enqueueMany(urls)) expectTypeOf(handle).toEqualTypeOf<Handle>();
      const handle = await sluice.enqueue({ url: urls[0]!, json: { nested: [1, null] } });
      expectTypeOf(handle).toEqualTypeOf(sluice.job('id'));
      expectTypeOf(await handle.result({ cancel: true })).toEqualTypeOf<FetchResponse>();
      expectTypeOf(await handle.outcome()).toEqualTypeOf<Settled>();
      expectTypeOf((await sluice.fetch(urls[0]!)).json()).toEqualTypeOf<unknown>();
      expectTypeOf((await sluice.fetch(urls[0]!)).json<number>()).toEqualTypeOf<number>();
      const checked = await sluice.fetch(urls[0]!, { schema: user });
      expectTypeOf(checked.json()).toEqualTypeOf<z.output<typeof user>>();
      const schema = z.string().transform(Number);
      expectTypeOf((await handle.result({ schema })).json()).toEqualTypeOf<number>();
      // @ts-expect-error -- not a field of a spec
      await sluice.fetch(urls[0]!, { timeuot: 5 });
    }
    expectTypeOf(check).returns.resolves.toEqualTypeOf<void>();
  });
});
