import { type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Dispatcher, Agent, interceptors } from 'undici';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type BodyRoom, Exchange, type Exchanged, type LargeBodies } from '../src/http/exchange.ts';
import { BodyTooLarge } from '../src/http/failure.ts';

const roomy: BodyRoom = { limit: 1000, large: null };

/** What undici is told by the receiver. */
class FakeController implements Dispatcher.DispatchController {
  paused = false;
  aborted = false;
  reason: Error | null = null;
  readonly rawHeaders = null;
  readonly rawTrailers = null;

  abort(reason: Error): void {
    this.aborted = true;
    this.reason = reason;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

/** A receiver, its end, and how often its request was started. */
function started(room: BodyRoom, onStart = () => {}) {
  const { promise, resolve, reject } = Promise.withResolvers<Exchanged>();
  promise.catch(() => {});
  const starts = vi.fn(onStart);
  const receiver = new Exchange({
    onStart: starts,
    roomFor: () => room,
    resolve,
    reject,
  });
  const controller = new FakeController();
  return { receiver, controller, promise, starts };
}

function begun(room: BodyRoom, headers: Record<string, string> = {}) {
  const all = started(room);
  all.receiver.onRequestStart(all.controller);
  all.receiver.onResponseStart(all.controller, 200, headers);
  const data = (text: string) => all.receiver.onResponseData(all.controller, Buffer.from(text));
  return { ...all, data };
}

/** A store that takes what it is given, when it is told to. */
function storeOf(above: number, limit: number) {
  const gate = Promise.withResolvers<void>();
  const taken: string[] = [];
  let broken: unknown;
  const large: LargeBodies = {
    above,
    limit,
    put: async (source) => {
      await gate.promise;
      try {
        for await (const chunk of source) taken.push(Buffer.from(chunk).toString());
      } catch (error) {
        broken = error;
        throw error;
      }
      return { key: 'k', bytes: taken.join('').length, sha256: '' };
    },
  };
  return { large, taken, open: gate.resolve, fail: gate.reject, broken: () => broken };
}

describe('a response', () => {
  test('is its status, its headers and its whole body', async () => {
    const { receiver, controller, promise, data, starts } = begun(roomy, { 'x-a': '1' });
    data('ab');
    data('cd');
    receiver.onResponseEnd();
    const { status, headers, body } = await promise;
    expect({ status, headers, text: Buffer.from(body).toString() }).toEqual({
      status: 200,
      headers: { 'x-a': '1' },
      text: 'abcd',
    });
    expect(starts).toHaveBeenCalledTimes(1);
    expect(controller.aborted).toBe(false);
  });

  test('keeps no part of the buffer that its body came in', async () => {
    const { receiver, controller, promise } = begun(roomy);
    const buffer = Buffer.alloc(1000, 'a');
    receiver.onResponseData(controller, buffer.subarray(10, 20));
    receiver.onResponseEnd();
    const { body } = await promise;
    buffer.fill('b');
    expect(Buffer.from(body).toString()).toBe('aaaaaaaaaa');
    expect(body.buffer).not.toBe(buffer.buffer);
  });

  test('is the last one: a 1xx before it is not one', async () => {
    const { receiver, controller, promise } = started(roomy);
    receiver.onRequestStart(controller);
    for (const status of [100, 102, 103]) receiver.onResponseStart(controller, status, { early: 'yes' });
    receiver.onResponseStart(controller, 204, { late: 'yes' });
    receiver.onResponseEnd();
    expect(await promise).toMatchObject({ status: 204, headers: { late: 'yes' } });
  });
});

describe('a body', () => {
  test('may be as large as the limit, and not a byte larger', async () => {
    const fits = begun({ limit: 4, large: null });
    fits.data('abcd');
    fits.receiver.onResponseEnd();
    expect((await fits.promise).body).toHaveLength(4);

    const over = begun({ limit: 4, large: null });
    over.data('abcd');
    over.data('e');
    await expect(over.promise).rejects.toThrow(BodyTooLarge);
    expect(over.controller.reason).toBeInstanceOf(BodyTooLarge);
  });

  test('is not read at all when its length says that it is too large', async () => {
    const { promise, controller } = begun({ limit: 3, large: null }, { 'content-length': '4' });
    await expect(promise).rejects.toThrow(/larger than 3 bytes/);
    expect(controller.aborted).toBe(true);
  });

  test('that is compressed declares its length on the wire, which does not count', async () => {
    const headers = { 'content-length': '400', 'content-encoding': 'gzip' };
    const { receiver, promise, data } = begun({ limit: 3, large: null }, headers);
    data('ab');
    receiver.onResponseEnd();
    expect((await promise).body).toHaveLength(2);
  });

  test('that is large is stored: what came before, and the rest, no faster than the store takes it', async () => {
    const store = storeOf(4, 1_000_000);
    const { receiver, controller, promise, data } = begun({ limit: 4, large: store.large });
    data('abcd');
    expect(controller.paused).toBe(false);
    data('e');
    const chunk = 'x'.repeat(100_000);
    data(chunk);
    expect(controller.paused).toBe(true);
    store.open();
    await expect.poll(() => controller.paused).toBe(false);
    data('end');
    receiver.onResponseEnd();
    expect(await promise).toMatchObject({ status: 200, body: new Uint8Array(), stored: { key: 'k' } });
    expect(store.taken.join('')).toBe(`abcde${chunk}end`);
    expect(controller.aborted).toBe(false);
  });

  test('that outgrows the limit of the store ends the upload and the exchange', async () => {
    const store = storeOf(2, 5);
    const { controller, promise, data } = begun({ limit: 2, large: store.large });
    store.open();
    data('abc');
    data('def');
    await expect(promise).rejects.toThrow(/larger than 5 bytes/);
    expect(store.broken()).toBeInstanceOf(BodyTooLarge);
    expect(controller.aborted).toBe(true);
  });

  test('that the store does not take releases the connection', async () => {
    const store = storeOf(2, 100);
    const { controller, promise, data } = begun({ limit: 2, large: store.large });
    data('abc');
    store.fail(new Error('disk full'));
    await expect(promise).rejects.toThrow('disk full');
    expect(controller.aborted).toBe(true);
    data('more');
  });

  test('whose connection breaks while it is stored fails with the error of undici, once the store knows', async () => {
    const store = storeOf(2, 100);
    const { receiver, controller, promise, data } = begun({ limit: 2, large: store.large });
    store.open();
    data('abc');
    receiver.onResponseError(controller, new Error('other side closed'));
    await expect(promise).rejects.toThrow('other side closed');
    expect(store.broken()).toMatchObject({ message: 'other side closed' });
  });
});

describe('an exchange', () => {
  test('does not begin if it no longer may: undici is told before a byte has left', async () => {
    const { receiver, controller } = started(roomy, () => {
      throw new Error('too late');
    });
    expect(() => receiver.onRequestStart(controller)).toThrow('too late');
  });

  test('that is cancelled before it has a connection ends at once, and is aborted when it gets one', async () => {
    const { receiver, controller, promise, starts } = started(roomy);
    receiver.cancel('shutdown');
    await expect(promise).rejects.toBe('shutdown');
    receiver.onRequestStart(controller);
    expect(controller.reason).toMatchObject({ message: 'shutdown' });
    expect(starts).not.toHaveBeenCalled();
  });

  test('that is cancelled in mid-body keeps its reason, whatever undici reports afterwards', async () => {
    const { receiver, controller, promise, data } = begun(roomy);
    data('ab');
    const reason = new Error('lock lost');
    receiver.cancel(reason);
    receiver.onResponseError(controller, new Error('aborted'));
    data('cd');
    receiver.onResponseEnd();
    await expect(promise).rejects.toBe(reason);
    expect(controller.reason).toBe(reason);
  });

  test('that is cancelled while its body is stored ends at once, and ends the upload', async () => {
    const store = storeOf(2, 100);
    const { receiver, promise, data } = begun({ limit: 2, large: store.large });
    store.open();
    data('abc');
    receiver.cancel(new Error('timeout'));
    await expect(promise).rejects.toThrow('timeout');
    await expect.poll(store.broken).toMatchObject({ message: 'timeout' });
  });
});

describe('through undici', () => {
  let server: Server;
  let agent: Agent;

  afterEach(async () => {
    await agent.destroy();
    server.closeAllConnections();
    server.close();
  });

  async function ask(answer: (response: ServerResponse) => void, room: BodyRoom): Promise<Exchanged> {
    server = createServer((_, response) => answer(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    agent = new Agent({ bodyTimeout: 0 });
    const { port } = server.address() as AddressInfo;
    const decompress = interceptors.decompress({ maxSize: 1_000_000, skipErrorResponses: false });
    const { promise, resolve, reject } = Promise.withResolvers<Exchanged>();
    agent.compose(decompress).dispatch(
      { origin: `http://127.0.0.1:${port}`, path: '/', method: 'GET' },
      new Exchange({
        onStart: () => {},
        roomFor: () => room,
        resolve,
        reject,
      }),
    );
    return await promise;
  }

  test('a compressed body comes decoded, and without the headers of its coding', async () => {
    const zipped = (response: ServerResponse) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('hello'));
    const { body, headers } = await ask(zipped, roomy);
    expect(Buffer.from(body).toString()).toBe('hello');
    expect(headers).not.toHaveProperty('content-encoding');
  });

  test('the decoded size is what the limit bounds', async () => {
    const bomb = (response: ServerResponse) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(500_000)));
    await expect(ask(bomb, roomy)).rejects.toThrow(BodyTooLarge);
  });

  test('a stored body of many chunks arrives whole and in order, compressed or not, to a slow store', async () => {
    const text = Array.from({ length: 40_000 }, (_, n) => `line ${n}\n`).join('');
    const taken: Buffer[] = [];
    const large: LargeBodies = {
      above: 1000,
      limit: 1_000_000,
      put: async (source) => {
        for await (const chunk of source) {
          taken.push(Buffer.from(chunk));
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
        return { key: 'k', bytes: 0, sha256: '' };
      },
    };
    const zipped = (response: ServerResponse) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text));
    expect((await ask(zipped, { limit: 1000, large })).stored).toMatchObject({ key: 'k' });
    expect(Buffer.concat(taken).toString()).toBe(text);
    taken.length = 0;
    await agent.destroy();
    server.close();
    expect((await ask((response) => response.end(text), { limit: 1000, large })).stored).toBeDefined();
    expect(Buffer.concat(taken).toString()).toBe(text);
  });

  test('a connection that is reset in mid-body is an error with a code', async () => {
    const broken = (response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half', () => response.destroy());
    };
    await expect(ask(broken, roomy)).rejects.toMatchObject({ code: expect.any(String) as string });
  });
});
