import type { Dispatcher } from 'undici';
import { UnreadableBody } from './failure.ts';

/** The head of a response as it came. */
export type RawHead = { status: number; headers: Record<string, string | string[] | undefined> };

/** These never have a body; headers about one describe the body that a GET would have had (RFC 9110, 8.6). */
const bodiless = new Set([204, 304]);

const encodingHeaders = ['content-encoding', 'content-length'];

/** The head without the headers that describe a body which did not come. */
function withoutEncoding(headers: RawHead['headers']): RawHead['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !encodingHeaders.includes(name)));
}

/**
 * Stands before the decoder: reports the head of a response before any of its body is decoded, and starts the decoder
 * with the first byte. An empty body is not decoded, whatever its head says (browsers and curl do the same).
 */
export class HeadFirst implements Dispatcher.DispatchHandler {
  readonly #decoder: Dispatcher.DispatchHandler;
  readonly #onSent: (() => void) | undefined;
  readonly #onHead: (head: RawHead) => void;
  readonly #inUse: Disposable;
  readonly #isHead: boolean;
  /** What the decoder has not been told yet. */
  #held: { head: RawHead; message: string | undefined } | null = null;

  /** @param options.inUse disposed of when the exchange is over */
  constructor(
    decoder: Dispatcher.DispatchHandler,
    {
      method,
      onSent,
      onHead,
      inUse,
    }: {
      method: string;
      onSent: (() => void) | undefined;
      onHead: (head: RawHead) => void;
      inUse: Disposable;
    },
  ) {
    this.#decoder = decoder;
    this.#onSent = onSent;
    this.#onHead = onHead;
    this.#inUse = inUse;
    this.#isHead = method === 'HEAD';
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#decoder.onRequestStart?.(controller, context);
  }

  onRequestSent(): void {
    this.#onSent?.();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: RawHead['headers'],
    message?: string,
  ): void {
    // Interim responses: there may be any number of them.
    if (status < 200) return;
    const head = { status, headers };
    this.#onHead(head);
    const hasBody = !this.#isHead && !bodiless.has(status);
    if (!hasBody || headers['content-encoding'] === undefined) this.#tell(controller, head, message);
    else this.#held = { head, message };
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#held !== null) {
      const { head, message } = this.#held;
      this.#held = null;
      this.#tell(controller, head, message);
    }
    this.#decoder.onResponseData?.(controller, chunk);
  }

  onResponseEnd(
    controller: Dispatcher.DispatchController,
    trailers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#held !== null) {
      const { head, message } = this.#held;
      this.#held = null;
      this.#tell(controller, { ...head, headers: withoutEncoding(head.headers) }, message);
    }
    this.#inUse[Symbol.dispose]();
    this.#decoder.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#inUse[Symbol.dispose]();
    this.#decoder.onResponseError?.(controller, error);
  }

  #tell(controller: Dispatcher.DispatchController, { status, headers }: RawHead, message?: string): void {
    try {
      this.#decoder.onResponseStart?.(controller, status, headers, message);
    } catch (error) {
      // For example, more codings than the decoder supports; that error has no code.
      if (headers['content-encoding'] === undefined || !(error instanceof Error)) throw error;
      throw new UnreadableBody(error);
    }
  }
}
