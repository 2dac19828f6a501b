import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { ResponseHead, StoredBody } from '@sluice/shared';
import { BodySlabs } from './body-slabs.ts';
import { BodyTooLarge, UnreadableHead, isParserError } from './failure.ts';
import type { RawHead } from './head-first.ts';

/** Where a body larger than `above` goes; it may then have up to `limit` bytes. */
export type LargeBodies = {
  above: number;
  limit: number;
  put: (source: AsyncIterable<Uint8Array>) => Promise<StoredBody>;
};

/** How much of a response's body is read, bytes, and where it goes if it is large (null: it is held in memory). */
export type BodyRoom = { limit: number; large: LargeBodies | null };

/** One response, whole. `body` is empty when it is stored. */
export type Exchanged = {
  status: number;
  headers: ResponseHead['headers'];
  body: Uint8Array;
  stored?: StoredBody;
};

export type ExchangeOptions = {
  /** Called when the request has its connection, and its first byte is next. If it throws, the request is not sent. */
  onStart: () => void;
  /** Called once, when the status is known. */
  roomFor: (status: number) => BodyRoom;
  resolve: (exchanged: Exchanged) => void;
  /** Errors: what `onStart` threw, `UnreadableHead`, `BodyTooLarge`, and those of undici. */
  reject: (error: unknown) => void;
};

const none = new Uint8Array();
const ignore = () => {};

/**
 * Receives one response, without a stream between undici and the bytes unless the body is to be stored. Of a stored
 * body it holds no more than `above` and a few chunks. The first end counts: what undici reports later is ignored.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  #controller: Dispatcher.DispatchController | undefined;
  /** Why no more bytes are wanted. */
  #over: Error | undefined;
  #status = 0;
  #headers: ResponseHead['headers'] = {};
  #room: BodyRoom = { limit: 0, large: null };
  /** As it came: known before the decoder has looked at the body. */
  #head: RawHead | null = null;
  #size = 0;
  #ended = false;
  readonly #body = new BodySlabs();
  /** The body on its way to the store. */
  #stream: Readable | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** The head of the response, once that has come. */
  get head(): RawHead | null {
    return this.#head;
  }

  /** Gets the head before the decoder does. */
  readonly onHead = (head: RawHead): void => {
    this.#head = head;
  };

  /** Ends it from outside, at once, even if undici is still connecting. */
  cancel(reason: unknown): void {
    this.#options.reject(reason);
    this.#stop(reason instanceof Error ? reason : new Error(String(reason)));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#over !== undefined) {
      controller.abort(this.#over);
      return;
    }
    this.#options.onStart();
    this.#controller = controller;
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status;
    this.#headers = headers as ResponseHead['headers'];
    this.#room = this.#options.roomFor(status);
    // Of a compressed body, the header gives the length on the wire.
    const declared = headers['content-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : 0;
    if (declared > this.#limit) this.#fail(new BodyTooLarge(this.#limit));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over !== undefined) return;
    this.#size += chunk.length;
    if (this.#size > this.#limit) {
      this.#fail(new BodyTooLarge(this.#limit));
      return;
    }
    this.#body.add(chunk);
    if (this.#stream !== undefined) {
      this.#pushFull(controller, this.#stream);
      return;
    }
    const { large } = this.#room;
    if (large !== null && this.#size > large.above) this.#store(controller, large);
  }

  onResponseEnd(): void {
    if (this.#over !== undefined) return;
    this.#ended = true;
    if (this.#stream !== undefined) {
      if (this.#body.size > 0) this.#stream.push(this.#body.takeRest());
      this.#stream.push(null);
      return;
    }
    const body = this.#size === 0 ? none : this.#body.takeRest();
    this.#options.resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    this.#over ??= error;
    this.#body.clear();
    // The store gets the error and passes it on, so that nothing is still being written when the attempt ends.
    if (this.#stream !== undefined) this.#stream.destroy(error);
    else if (this.#head === null && isParserError(error)) this.#options.reject(new UnreadableHead(error));
    else this.#options.reject(error);
  }

  get #limit(): number {
    return this.#room.large?.limit ?? this.#room.limit;
  }

  /** Streams what has come, and the rest as it comes, no faster than the store takes it. */
  #store(controller: Dispatcher.DispatchController, large: LargeBodies): void {
    const stream = new Readable({
      read: () => controller.resume(),
      destroy: (error, done) => {
        if (!this.#ended) controller.abort(error ?? new Error('the body was not read to its end'));
        done(error);
      },
    });
    // Whoever reads the stream gets its errors. If the store has stopped reading, nobody needs them.
    stream.on('error', ignore);
    this.#stream = stream;
    this.#pushFull(controller, stream);
    large.put(stream).then(
      (stored) => this.#options.resolve({ status: this.#status, headers: this.#headers, body: none, stored }),
      // Nobody reads on, and the connection must not wait for a reader.
      (error: unknown) => this.cancel(error),
    );
  }

  /** Slab by slab: the store takes as long for one byte as for many. */
  #pushFull(controller: Dispatcher.DispatchController, stream: Readable): void {
    let more = true;
    for (const slab of this.#body.takeFull()) more = stream.push(slab);
    if (!more) controller.pause();
  }

  #fail(error: Error): void {
    if (this.#stream === undefined) this.#options.reject(error);
    this.#stop(error);
  }

  #stop(error: Error): void {
    this.#over ??= error;
    this.#body.clear();
    this.#stream?.destroy(this.#over);
    this.#controller?.abort(this.#over);
  }
}
