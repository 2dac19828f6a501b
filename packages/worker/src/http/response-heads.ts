import type { Socket } from 'node:net';
import { errors } from 'undici';

/** The most bytes that a response's head may have: status line and all fields. The default of undici and Node. */
const longestHead = 16_384;

const cr = 0x0d;
const lf = 0x0a;
const zero = 0x30;
const three = 0x33;

/** Where the status code stands in `HTTP/1.1 200`. */
const codeAt = 9;

/**
 * Watches the heads of the responses that come in on a connection, before undici parses them.
 *
 * - Its parser treats `100 Continue` as an error, although a client must accept it unasked (RFC 9110, 15.2.1). It
 *   ignores other interim responses, so this turns a 100 into a 103.
 * - It counts the bytes of a head, but goes on parsing what it has read, with an error for each line too many: endless
 *   short lines took a third of a second each time. This ends the connection before it sees them.
 */
export function watchHeads(socket: Socket): Socket {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket);
  const head = new HeadScanner();
  socket.read = (size?: number): unknown => {
    const chunk: unknown = read(size);
    if (!Buffer.isBuffer(chunk) || head.isOver || head.scan(chunk)) return chunk;
    socket.destroy(
      new errors.HeadersOverflowError(`the response's head is larger than ${longestHead} bytes`),
    );
    return null;
  };
  // Requests are not pipelined: what comes after one was written begins with a head.
  socket.write = ((...args: Parameters<Socket['write']>): boolean => {
    head.begin();
    return write(...args);
  }) as Socket['write'];
  return socket;
}

class HeadScanner {
  /** The head of the final response has been read, and no other request was written. */
  isOver = true;
  #size = 0;
  #code = 0;
  /** Bytes of the line under way, without its end. */
  #line = 0;

  begin(): void {
    this.isOver = false;
    this.#next();
  }

  /** Reads on, and turns a 100 into a 103. @returns false: the head is too large */
  scan(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      // Empty lines before the status line are skipped (RFC 9112, 2.2).
      if (this.#size === 0 && (byte === cr || byte === lf)) continue;
      this.#size += 1;
      if (this.#size > longestHead) return false;
      if (byte === cr) continue;
      if (byte === lf) {
        if (this.#line === 0) {
          if (this.#code < 100 || this.#code > 199 || this.#code === 101) {
            this.isOver = true;
            return true;
          }
          this.#next();
          continue;
        }
        this.#line = 0;
        continue;
      }
      const digit = this.#size - 1 - codeAt;
      if (digit >= 0 && digit < 3) {
        this.#code = this.#code * 10 + byte - zero;
        if (digit === 2 && this.#code === 100) chunk[at] = three;
      }
      this.#line += 1;
    }
    return true;
  }

  #next(): void {
    this.#size = 0;
    this.#code = 0;
    this.#line = 0;
  }
}
