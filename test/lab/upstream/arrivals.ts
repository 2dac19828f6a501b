import type { IncomingHttpHeaders } from 'node:http';

/** One request, as the upstream saw it. */
export interface Arrival {
  /** When its headers were parsed: ms on the `performance.now()` clock of whoever started the upstream. */
  t: number;
  /** The same moment as ms since 1970. */
  epoch: number;
  method: string;
  /** Path with query. */
  path: string;
  /** The status of the answer; 0 as long as there is none. */
  status: number;
  /** True when the upstream's limit rejected it. */
  refused: boolean;
  /** The connection it came on, counted from 1. */
  socket: number;
  /** Only while `keepHeaders` is set. */
  headers?: IncomingHttpHeaders;
}

/** All arrivals, one array per field: 1e6 of them cross a process boundary in one message. */
export interface ArrivalColumns {
  /** Start of `t` in ms since 1970. */
  timeOrigin: number;
  t: Float64Array;
  status: Uint16Array;
  refused: Uint8Array;
  socket: Uint32Array;
  /** Index into `methods`. */
  method: Uint8Array;
  methods: string[];
  /** Index into `paths`. */
  path: Uint32Array;
  paths: string[];
  headers: Map<number, IncomingHttpHeaders>;
}

/** The columns as rows. */
export function toArrivals(columns: ArrivalColumns): Arrival[] {
  return Array.from(columns.t, (t, row) => {
    const headers = columns.headers.get(row);
    return {
      t,
      epoch: columns.timeOrigin + t,
      method: columns.methods[columns.method[row] ?? 0] ?? '',
      path: columns.paths[columns.path[row] ?? 0] ?? '',
      status: columns.status[row] ?? 0,
      refused: columns.refused[row] === 1,
      socket: columns.socket[row] ?? 0,
      ...(headers && { headers }),
    };
  });
}

/** What is known about a request when it arrives. */
export type NewArrival = Pick<Arrival, 't' | 'method' | 'path' | 'refused' | 'socket' | 'headers'>;

/** The upstream's log. Rows are only added; a reset starts a new log, so an old row number never hits a new row. */
export class ArrivalLog {
  #size = 0;
  #t = new Float64Array(1024);
  #status = new Uint16Array(1024);
  #refused = new Uint8Array(1024);
  #socket = new Uint32Array(1024);
  #method = new Uint8Array(1024);
  #path = new Uint32Array(1024);
  readonly #methods = new Dictionary();
  readonly #paths = new Dictionary();
  readonly #headers = new Map<number, IncomingHttpHeaders>();

  /** @returns the row, for `answered`. */
  add(arrival: NewArrival): number {
    const row = this.#size++;
    if (row === this.#t.length) this.#grow();
    this.#t[row] = arrival.t;
    this.#refused[row] = arrival.refused ? 1 : 0;
    this.#socket[row] = arrival.socket;
    this.#method[row] = this.#methods.indexOf(arrival.method);
    this.#path[row] = this.#paths.indexOf(arrival.path);
    if (arrival.headers) this.#headers.set(row, arrival.headers);
    return row;
  }

  /** The row was answered with this status. */
  answered(row: number, status: number): void {
    this.#status[row] = status;
  }

  /** A copy of everything so far. */
  columns(timeOrigin: number): ArrivalColumns {
    return {
      timeOrigin,
      t: this.#t.slice(0, this.#size),
      status: this.#status.slice(0, this.#size),
      refused: this.#refused.slice(0, this.#size),
      socket: this.#socket.slice(0, this.#size),
      method: this.#method.slice(0, this.#size),
      methods: [...this.#methods.words],
      path: this.#path.slice(0, this.#size),
      paths: [...this.#paths.words],
      headers: new Map(this.#headers),
    };
  }

  #grow(): void {
    const length = this.#t.length * 2;
    this.#t = larger(new Float64Array(length), this.#t);
    this.#status = larger(new Uint16Array(length), this.#status);
    this.#refused = larger(new Uint8Array(length), this.#refused);
    this.#socket = larger(new Uint32Array(length), this.#socket);
    this.#method = larger(new Uint8Array(length), this.#method);
    this.#path = larger(new Uint32Array(length), this.#path);
  }
}

function larger<Column extends { set(from: Column): void }>(empty: Column, from: Column): Column {
  empty.set(from);
  return empty;
}

/** Words and their numbers: most logs hold only a handful of paths, a million times. */
class Dictionary {
  readonly words: string[] = [];
  readonly #index = new Map<string, number>();

  indexOf(word: string): number {
    const known = this.#index.get(word);
    if (known !== undefined) return known;
    this.#index.set(word, this.words.length);
    return this.words.push(word) - 1;
  }
}
