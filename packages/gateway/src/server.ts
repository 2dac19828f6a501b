import { randomUUID } from 'node:crypto';
import { type FastifyBaseLogger, type FastifyRequest, LogController, fastify } from 'fastify';
import type { Sluice } from '@sluice/producer';
import type { App } from './app.ts';
import { type Authenticate, guardRoutes } from './auth/caller.ts';
import { Owners } from './auth/owners.ts';
import { documentRoutes } from './document/document.ts';
import type { GatewayRedis } from './gateway-redis.ts';
import { limitRequests, mostHeaderBytes } from './limits/before-parsing.ts';
import { type KeyRate, limitKeys } from './limits/per-key.ts';
import { answerBrokenHttp, answerErrors, answerProblem } from './problems/answer.ts';
import { auditRoutes } from './routes/audit.ts';
import { batchRoutes } from './routes/batches.ts';
import { deadRoutes } from './routes/dead.ts';
import { jobRoutes } from './routes/jobs.ts';
import { keyRoutes } from './routes/keys.ts';
import { type GuardedField, queueRoutes } from './routes/queues.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { workerRoutes } from './routes/workers.ts';
import { type ZodTypes, validatorCompiler } from './schema/compile.ts';
import { packageVersion } from './version.ts';
import { Waits } from './waiting/waits.ts';

/** What a server is made of. */
export type ServerParts = {
  /** A client with `whenDown: 'fail'`: nobody waits for a Redis that is away. */
  sluice: Sluice;
  /**
   * A client with `whenDown: 'wait'`, for uploads: a Redis that stands still for a second must not end one of minutes.
   * Default: the other one.
   */
  patient?: Sluice;
  authenticate: Authenticate;
  /** Called when a request was answered. */
  answered?: (request: FastifyRequest) => void;
  logger: FastifyBaseLogger;
  /** Fields of a policy that could open more than their queue, and may be changed here all the same. Default: none. */
  openFields?: readonly GuardedField[];
  /**
   * The gateway's own connection (`openGatewayRedis`): it counts requests, and knows whose a job is. Without it there is no
   * rate, and outcomes are only for callers with the scope `payload`.
   */
  redis?: GatewayRedis | undefined;
  /** Requests that each key may make, over all gateways with this Redis. Default: as many as it likes. */
  keyRate?: KeyRate | null;
  /** Proxies whose X-Forwarded-For is believed: addresses and CIDRs. Default: none. */
  trustedProxies?: readonly string[];
  /** The requests that wait. Default: as many as one process may have. */
  waits?: Waits;
  /** A connection on which nothing comes or goes for so long is cut off, ms. Default: longer than the longest wait. */
  silenceMs?: number;
};

/** The largest body, bytes. A batch is a stream, and has no such limit. */
const bodyLimit = 16 * 2 ** 20;

/** A client that takes longer to send the head of a request is cut off, ms. */
const headersTimeoutMs = 30_000;

/** The longest wait for an outcome is 300 s; streams are never silent for more than 15 s. */
const longestSilenceMs = 330_000;

/** Builds the HTTP API. It listens where its caller says: `app.listen`. */
export async function buildServer(parts: ServerParts): Promise<App> {
  const { sluice, patient = sluice, authenticate, logger, openFields = [], waits = new Waits() } = parts;
  const { silenceMs = longestSilenceMs } = parts;
  const { redis, keyRate = null, trustedProxies = [] } = parts;
  const app = fastify({
    loggerInstance: logger,
    // One line for each request comes from us.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    // A name that a client gives its request would let it write into the log.
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    // Until it is closed it answers as ever: whoever waits was told where to ask again.
    return503OnClosing: false,
    clientErrorHandler: answerBrokenHttp,
    frameworkErrors: (error, request, reply) => void answerProblem(error, request, reply),
    connectionTimeout: silenceMs,
    http: { headersTimeout: headersTimeoutMs, maxHeaderSize: mostHeaderBytes },
    ...(trustedProxies.length > 0 && { trustProxy: [...trustedProxies] }),
    routerOptions: { maxParamLength: 200 },
  }).withTypeProvider<ZodTypes>();
  app.setValidatorCompiler(validatorCompiler);
  // What we send is made by us: checking it again would only cost.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  // A page of another site may send text to a gateway on its reader's machine, but no JSON.
  app.removeContentTypeParser('text/plain');
  answerErrors(app);
  limitRequests(app);
  guardRoutes(app, authenticate);
  if (redis !== undefined && keyRate !== null) await limitKeys(app, redis, keyRate);
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, caller } = request;
    const ms = Math.round(reply.elapsedTime);
    const { statusCode: status } = reply;
    parts.answered?.(request);
    request.log.info({ method, route: routeOptions.url, status, ms, key: caller?.id }, 'answered');
  });
  await documentRoutes(app, packageVersion());
  const owners = new Owners(redis);
  jobRoutes(app, { sluice, waits, owners });
  // Only there a body may be lines.
  await app.register(async (inner) =>
    batchRoutes(inner.withTypeProvider<ZodTypes>(), { sluice, patient, waits, owners }),
  );
  queueRoutes(app, sluice, openFields);
  deadRoutes(app, sluice);
  scheduleRoutes(app, sluice);
  workerRoutes(app, sluice);
  keyRoutes(app, sluice);
  auditRoutes(app, sluice);
  return app;
}
