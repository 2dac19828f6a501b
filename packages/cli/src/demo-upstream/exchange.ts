import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** A request no route can read; it is answered with 400 and this message. */
export class BadRequest extends Error {
  override name = 'BadRequest';
}

/** What the routes are told about the upstream they belong to. */
export interface RouteSettings {
  /** Size of the bodies of `/` and `/item/:n`. */
  bodyBytes: number;
}

interface ExchangeParts {
  request: IncomingMessage;
  response: ServerResponse;
  settings: RouteSettings;
  /** How often this path and query has been asked for, this time included. */
  visit: () => number;
  /** Called once, with the status, before the first byte of the answer leaves. */
  onAnswer: (status: number) => void;
}

/** One request and its answer, as a route sees it. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly settings: RouteSettings;
  /** The first part of the path: `item` in `/item/7`. */
  readonly route: string;
  /** What follows it: `7` in `/item/7`. */
  readonly rest: string;
  readonly visit: () => number;
  readonly #search: string;
  readonly #onAnswer: (status: number) => void;
  #query: URLSearchParams | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ExchangeParts) {
    this.request = parts.request;
    this.response = parts.response;
    this.settings = parts.settings;
    this.visit = parts.visit;
    this.#onAnswer = parts.onAnswer;
    // Parsed by hand: a URL object for each request would slow the benches.
    const url = parts.request.url ?? '/';
    const queryAt = url.indexOf('?');
    const path = queryAt === -1 ? url : url.slice(0, queryAt);
    this.#search = queryAt === -1 ? '' : url.slice(queryAt);
    const slash = path.indexOf('/', 1);
    this.route = slash === -1 ? path.slice(1) : path.slice(1, slash);
    this.rest = slash === -1 ? '' : path.slice(slash + 1);
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.#search));
  }

  /** `rest` as a whole number. @throws BadRequest */
  count(): number {
    return wholeNumber(this.rest, `/${this.route}/…`);
  }

  /** A query parameter as a whole number. @throws BadRequest */
  parameter(name: string, fallback: number): number {
    const text = this.query.get(name);
    return text === null ? fallback : wholeNumber(text, name);
  }

  /** Writes the status and headers; the body is up to the route. */
  head(status: number, headers: OutgoingHttpHeaders): ServerResponse {
    this.#onAnswer(status);
    return this.response.writeHead(status, headers);
  }

  /** Answers in full. */
  answer(status: number, body: string | Buffer, headers: OutgoingHttpHeaders = {}): void {
    // 204 and 304 have no body, so a length would be wrong.
    if (status === 204 || status === 304) this.head(status, headers).end();
    else this.head(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);
  }

  /** Answers in full, with JSON. */
  json(status: number, value: unknown, headers: OutgoingHttpHeaders = {}): void {
    this.answer(status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });
  }

  /** Runs `act` after `ms`, unless the client leaves first. One at a time. */
  later(ms: number, act: () => void): void {
    this.#timer = setTimeout(act, ms);
  }

  /** The response is finished, or its connection is gone. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}

function wholeNumber(text: string, name: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new BadRequest(`${name} must be a whole number, not "${text}"`);
  return Number(text);
}
