import { randomUUID } from 'node:crypto';
import { type FastifyBaseLogger, fastify } from 'fastify';
import type { Sluice } from '@sluice/producer';
import type { App } from './app.ts';
import { type Authenticate, guardRoutes } from './auth/caller.ts';
import { answerBrokenHttp, answerErrors, answerProblem } from './problems/answer.ts';
import { queueRoutes } from './routes/queues.ts';
import { type ZodTypes, validatorCompiler } from './schema/compile.ts';

/** What a server is made of. */
export type ServerParts = {
  /** A client with `whenDown: 'fail'`: nobody waits for a Redis that is away. */
  sluice: Sluice;
  authenticate: Authenticate;
  logger: FastifyBaseLogger;
};

/** The largest body, bytes. A batch is a stream, and has no such limit. */
const bodyLimit = 16 * 2 ** 20;

/** A client that is silent for this long while it sends its head, or between two requests, is cut off, ms. */
const headersTimeoutMs = 30_000;

/** Builds the HTTP API. It listens where its caller says: `app.listen`. */
export function buildServer({ sluice, authenticate, logger }: ServerParts): App {
  const app = fastify({
    loggerInstance: logger,
    bodyLimit,
    // A name that a client gives its request would let it write into the log.
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    // We answer ourselves, with a problem.
    return503OnClosing: false,
    clientErrorHandler: answerBrokenHttp,
    frameworkErrors: (error, request, reply) => void answerProblem(error, request, reply),
    http: { headersTimeout: headersTimeoutMs },
    routerOptions: { maxParamLength: 200 },
  }).withTypeProvider<ZodTypes>();
  app.setValidatorCompiler(validatorCompiler);
  // What we send is made by us: checking it again would only cost.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  answerErrors(app);
  guardRoutes(app, authenticate);
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
  });
  queueRoutes(app, sluice);
  return app;
}
