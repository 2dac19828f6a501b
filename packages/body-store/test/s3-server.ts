import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** A request as the server saw it: `PUT part`, `POST complete`, `DELETE object` and so on. */
export type S3Call = { what: string; key: string; bytes: number };

const xml = (text: string) => `<?xml version="1.0" encoding="UTF-8"?>\n${text}`;

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** As much of S3 as a body store needs, in memory, on loopback, path style. Signatures are asked for, not verified. */
export class S3Server {
  readonly objects = new Map<string, Buffer>();
  readonly uploads = new Map<string, { key: string; parts: Map<number, Buffer> }>();
  readonly calls: S3Call[] = [];
  /** Answers calls of this kind with 403. */
  refuses: string | null = null;
  readonly #server: Server;
  #uploads = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
    });
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.endpoint);
    const key = decodeURIComponent(url.pathname).slice(1);
    const id = url.searchParams.get('uploadId');
    const part = url.searchParams.get('partNumber');
    const body = await bodyOf(request);
    const kind = url.searchParams.has('uploads')
      ? 'create'
      : id === null
        ? 'object'
        : part === null
          ? 'upload'
          : 'part';
    const what = `${request.method} ${kind}`;
    this.calls.push({ what, key, bytes: body.length });
    const error = (status: number, code: string) =>
      response
        .writeHead(status, { 'content-type': 'application/xml' })
        .end(xml(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`));
    if (request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ') !== true) {
      return void error(403, 'AccessDenied');
    }
    if (what === this.refuses) return void error(403, 'AccessDenied');
    const found = this.objects.get(key);
    const upload = id === null ? undefined : this.uploads.get(id);
    if (id !== null && upload === undefined) return void error(404, 'NoSuchUpload');
    switch (what) {
      case 'PUT object':
        this.objects.set(key, body);
        return void response.writeHead(200, { etag: '"1"' }).end();
      case 'GET object':
        if (found === undefined) return void error(404, 'NoSuchKey');
        return void response.writeHead(200, { 'content-length': found.length }).end(found);
      case 'DELETE object':
        this.objects.delete(key);
        return void response.writeHead(204).end();
      case 'POST create': {
        const created = String(++this.#uploads);
        this.uploads.set(created, { key, parts: new Map() });
        return void response
          .writeHead(200)
          .end(
            xml(
              `<InitiateMultipartUploadResult><UploadId>${created}</UploadId></InitiateMultipartUploadResult>`,
            ),
          );
      }
      case 'PUT part':
        upload!.parts.set(Number(part), body);
        return void response.writeHead(200, { etag: `"${part}"` }).end();
      case 'POST upload': {
        const parts = [...upload!.parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
        this.objects.set(key, Buffer.concat(parts));
        this.uploads.delete(id!);
        return void response
          .writeHead(200)
          .end(xml('<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>'));
      }
      case 'DELETE upload':
        this.uploads.delete(id!);
        return void response.writeHead(204).end();
      default:
        return void error(400, 'NotImplemented');
    }
  }
}
