import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../worker/test/rig.ts';
import type { FetchInit, RequestSpec } from '../src/index.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await Rig.open();
});
beforeEach(() => rig.upstream.reset());
afterAll(() => rig[Symbol.asyncDispose]());

type Echo = { method: string; url: string; headers: Record<string, string>; body: string };

const echo = async (init: FetchInit) =>
  (await rig.sluice.fetch(rig.url('/echo'), { method: 'POST', ...init })).json<Echo>();

type FetchBody = NonNullable<ConstructorParameters<typeof Response>[0]>;

/** What fetch itself sends of a body. */
async function asFetched(body: FetchBody): Promise<{ type: string | null; text: string }> {
  const request = new Request('http://a.test/', { method: 'POST', body });
  return { type: request.headers.get('content-type'), text: await request.text() };
}

describe('a body', () => {
  test.each([
    ['a text', 'grüße'],
    ['an empty text', ''],
    ['URLSearchParams', new URLSearchParams({ a: '1 2', b: 'ü' })],
    ['a Uint8Array', new Uint8Array(Buffer.from('bytes'))],
    ['a part of a buffer', Buffer.from('xxbytesxx').subarray(2, 7)],
    ['an ArrayBuffer', new Uint8Array([65, 66]).buffer],
    ['a DataView', new DataView(new Uint8Array([65, 66, 67]).buffer, 1)],
    ['a Blob', new Blob(['{"a":1}'], { type: 'application/json' })],
    ['a Blob without a type', new Blob(['x'])],
  ])('that is %s is sent as fetch sends it', async (_, body) => {
    const { headers, body: text } = await echo({ body });
    const fetched = await asFetched(body as FetchBody);
    expect({ type: headers['content-type'] ?? null, text }).toEqual(fetched);
  });

  test('that is a form is sent in parts, with the boundary in the content type', async () => {
    const form = new FormData();
    form.append('name', 'Ü');
    form.append('file', new Blob(['\u0000\u00ff'], { type: 'image/png' }), 'a.png');
    const { headers, body } = await echo({ body: form });
    const parsed = await new Response(Buffer.from(body), {
      headers: { 'content-type': headers['content-type']! },
    }).formData();
    expect(parsed.get('name')).toBe('Ü');
    expect(parsed.get('file')).toMatchObject({ name: 'a.png', type: 'image/png' });
  });

  test('that is the same form again is the same payload', async () => {
    const form = () => {
      const fields = new FormData();
      fields.append('a', '1');
      return fields;
    };
    const init = () => ({ body: form(), idempotencyKey: 'form-1' });
    const first = await rig.sluice.enqueue(rig.url('/echo'), init());
    expect((await rig.sluice.enqueue(rig.url('/echo'), init())).id).toBe(first.id);
    const other = form();
    other.append('b', '2');
    await expect(
      rig.sluice.enqueue(rig.url('/echo'), { body: other, idempotencyKey: 'form-1' }),
    ).rejects.toMatchObject({ code: 'SLUICE_DUPLICATE_ID' });
  });

  test('has the content type that a header names, in any case', async () => {
    const body = new Blob(['x'], { type: 'text/html' });
    const all = [
      await echo({ body, headers: { 'Content-Type': 'text/x' } }),
      await echo({ body, headers: new Headers({ 'content-type': 'text/x' }) }),
      await echo({ body: 'x', headers: [['CONTENT-TYPE', 'text/x']] }),
    ];
    expect(all.map(({ headers }) => headers['content-type'])).toEqual(['text/x', 'text/x', 'text/x']);
  });

  test('of another kind is refused with a sentence', async () => {
    for (const body of [new ReadableStream(), { a: 1 }, 5] as unknown as string[]) {
      await expect(echo({ body })).rejects.toMatchObject({
        faults: [{ path: 'body', message: expect.stringContaining('give an object as json') as string }],
      });
    }
  });

  test('that is bytes is a copy', async () => {
    const body = new Uint8Array(Buffer.from('before'));
    const adding = rig.sluice.enqueue(rig.url('/echo'), { body });
    body.fill(0x78);
    expect((await (await adding).result()).json<Echo>().body).toBe('before');
  });
});

describe('headers', () => {
  test.each([
    ['a record', { 'X-A': '1', 'x-b': '2' }],
    ['Headers', new Headers({ 'X-A': '1', 'x-b': '2' })],
    [
      'pairs',
      [
        ['X-A', '1'],
        ['x-b', '2'],
      ] as [string, string][],
    ],
    [
      'a Map',
      new Map([
        ['X-A', '1'],
        ['x-b', '2'],
      ]),
    ],
  ])('are %s', async (_, headers) => {
    expect((await echo({ headers })).headers).toMatchObject({ 'x-a': '1', 'x-b': '2' });
  });

  test('that are given twice in pairs are one field with both values', async () => {
    expect(
      (
        await echo({
          headers: [
            ['x-a', '1'],
            ['X-A', '2'],
          ],
        })
      ).headers['x-a'],
    ).toBe('1, 2');
  });

  test('of no kind are refused with a sentence', async () => {
    for (const headers of [5, 'x-a: 1', [['x-a']], [5]] as unknown as Record<string, string>[]) {
      await expect(echo({ headers })).rejects.toMatchObject({
        faults: [{ path: 'headers', message: expect.stringContaining('[name, value] pairs') as string }],
      });
    }
  });
});

describe('a URL', () => {
  test.each([
    ['a record', { page: 2, all: true, name: 'a b&c', none: undefined }, 'page=2&all=true&name=a+b%26c'],
    [
      'pairs',
      [
        ['tag', 'a'],
        ['tag', 'b'],
      ] as [string, string][],
      'tag=a&tag=b',
    ],
    ['URLSearchParams', new URLSearchParams('q=%26'), 'q=%26'],
    ['nothing', {}, ''],
  ])('takes more of its query from %s', async (_, searchParams, query) => {
    const url = new URL(rig.url('/echo?x=%20#fragment'));
    const { json } = { json: (await rig.sluice.fetch(url, { searchParams })).json<Echo>() };
    expect(json.url).toBe(query === '' ? '/echo?x=%20' : `/echo?x=%20&${query}`);
  });

  test('without a query gets one', async () => {
    const response = await rig.sluice.fetch(rig.url('/echo'), { searchParams: { a: 1 } });
    expect(response.json<Echo>().url).toBe('/echo?a=1');
  });
});

describe('times', () => {
  const later = Date.now() + 3_600_000;
  const forms: [string, RequestSpec['runAt']][] = [
    ['a Date', new Date(later)],
    ['an ISO text', new Date(later).toISOString()],
    ['epoch ms', later],
    ['a duration', '60m'],
  ];

  test.each(forms)('runAt and deadline are %s', async (_, time) => {
    const handle = await rig.sluice.enqueue(rig.url('/item/1'), { runAt: time, deadline: time });
    const job = await rig.bull.getJob(handle.id);
    const { deadline } = job!.data as { deadline: number };
    // The test's own time, at most.
    for (const at of [deadline, job!.timestamp + job!.delay]) {
      expect(at).toBeGreaterThanOrEqual(later - 1);
      expect(at).toBeLessThan(later + 60_000);
    }
    await handle.cancel();
  });

  test('durations are texts or ms, under the name that a policy has, or the old one', async () => {
    const both: RequestSpec[] = [
      { timeout: '1500ms', delay: '1h' },
      { timeout: 1500, delay: 3_600_000 },
      { timeoutMs: 1500, delayMs: 3_600_000 },
    ];
    for (const spec of both) {
      const handle = await rig.sluice.enqueue({ ...spec, url: rig.url('/item/1') }, { keep: '2h' });
      const job = await rig.bull.getJob(handle.id);
      expect(job).toMatchObject({ delay: 3_600_000, data: { timeoutMs: 1500, keepMs: 7_200_000 } });
      expect(Object.keys(job!.data as object)).not.toContain('timeout');
      await handle.cancel();
    }
  });

  test('are given once', async () => {
    const twice: RequestSpec = { timeout: 1, timeoutMs: 1, delay: 1, delayMs: 1 };
    const error = await rig.sluice.enqueue(rig.url('/item/1'), twice).catch((error: unknown) => error);
    expect(error).toMatchObject({
      faults: [
        { path: 'timeout', message: 'and timeoutMs exclude each other; give one' },
        { path: 'delay', message: 'and delayMs exclude each other; give one' },
      ],
    });
    await expect(rig.sluice.enqueue(rig.url('/item/1'), { keep: 1, keepMs: 1 })).rejects.toMatchObject({
      code: 'SLUICE_INVALID_SPEC',
      faults: [{ path: 'keep' }],
    });
  });
});
