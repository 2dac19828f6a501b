import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SluiceError, errorCodes } from '@sluice/shared';
import { asSluiceError, problemHeaders, problemOf } from './problem.ts';

const fields = (error: SluiceError) => Object.entries(problemHeaders(error));

/** Answers with a problem, and logs what is the gateway's fault. */
export async function answerProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const known = asSluiceError(error);
  const { status } = errorCodes[known.code];
  if (status >= 500) request.log.error({ err: known }, known.message);
  const text = JSON.stringify(problemOf(known, request.id));
  // As bytes: Fastify would add a charset, which JSON does not have.
  void reply.header('x-request-id', request.id);
  for (const [name, value] of fields(known)) void reply.header(name, value);
  await reply.code(status).send(Buffer.from(text));
}

/** A request that is not HTTP: there is only a socket to answer on. */
export function answerBrokenHttp(error: Error, socket: Socket): void {
  if (!socket.writable || (error as NodeJS.ErrnoException).code === 'ECONNRESET')
    return void socket.destroy();
  const known = asSluiceError(Object.assign(error, { statusCode: 400 }));
  const { status } = errorCodes[known.code];
  const body = JSON.stringify(problemOf(known, 'none'));
  const head = [
    `HTTP/1.1 ${status} ${status === 431 ? 'Request Header Fields Too Large' : 'Bad Request'}`,
    ...fields(known).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Every way to an error, but the two that the server is created with: a bad URL, and what is not HTTP. */
export function answerErrors(app: FastifyInstance): void {
  const routes: { path: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    const path = new RegExp(`^${url.replaceAll(/[.]/g, '\\.').replaceAll(/:[^/]+|\*$/g, '[^/]+')}$`);
    routes.push({ path, methods: [method].flat() });
  });
  app.setErrorHandler(answerProblem);
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    const allowed = new Set(routes.flatMap((route) => (route.path.test(path) ? route.methods : [])));
    if (allowed.size === 0) {
      const message = `there is nothing at ${request.method} ${path}; the paths are in /openapi.json`;
      return await answerProblem(new SluiceError('SLUICE_NOT_FOUND', message), request, reply);
    }
    const list = [...allowed].sort().join(', ');
    void reply.header('allow', list);
    const message = `${request.method} is not possible here; ${list} is`;
    await answerProblem(new SluiceError('SLUICE_METHOD_NOT_ALLOWED', message), request, reply);
  });
}
