import { type ServerResponse, createServer } from 'node:http';
import { listen } from '../listen.ts';

/** One request, held for as long as the test likes. */
export type HeldRequest = {
  path: string;
  /** When it came, performance.now(). */
  at: number;
  /** When its client hung up before the answer; undefined: it did not. */
  leftAt?: number;
  /** Answers it with the text, or with its path. */
  answer(text?: string): void;
};

/** An upstream in the test's own process that answers only when the test says so. */
export type HeldUpstream = AsyncDisposable & {
  url: string;
  /** In the order of their arrival. */
  requests: HeldRequest[];
  /** Paths that are answered at once; the others wait for `answer`. */
  answers: (path: string) => boolean;
  /** Called with each request as it comes. */
  onRequest: (request: HeldRequest) => void;
  /** The requests of one path. */
  of(path: string): HeldRequest[];
};

export async function startHeldUpstream(): Promise<HeldUpstream> {
  const server = createServer((incoming, response: ServerResponse) => {
    const request: HeldRequest = {
      path: incoming.url ?? '',
      at: performance.now(),
      answer: (text = incoming.url ?? '') => void response.end(text),
    };
    response.on('close', () => {
      if (!response.writableFinished) request.leftAt = performance.now();
    });
    upstream.requests.push(request);
    if (upstream.answers(request.path)) request.answer();
    upstream.onRequest(request);
  });
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 });
  const upstream: HeldUpstream = {
    url: `http://127.0.0.1:${port}`,
    requests: [],
    answers: () => false,
    onRequest: () => {},
    of: (path) => upstream.requests.filter((request) => request.path === path),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return upstream;
}
