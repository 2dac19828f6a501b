import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ApiKey, type Scope, SluiceError } from '@sluice/shared';

/** Who makes a request. */
export type Caller = {
  /** The public id of the key; `open` where the gateway asks for none. Names that a caller gives are scoped by it. */
  id: string;
  /** As the audit log has him. */
  actor: string;
  /** His key; absent where the gateway asks for none. */
  key?: ApiKey;
  /** Whether the caller has a scope for a queue; without a queue: for any. */
  may(scope: Scope, queue?: string): boolean;
};

/**
 * Tells who makes a request, before its body is read.
 * @throws SluiceError SLUICE_UNAUTHENTICATED
 */
export type Authenticate = (request: FastifyRequest) => Promise<Caller> | Caller;

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** The scope that the route needs, for the queue in its path where it has one; null: it is open to all. */
    scope?: Scope | null;
  }
}

/** Before a request is read any further: who makes it, and may that caller use this route? */
export function guardRoutes(app: FastifyInstance, authenticate: Authenticate): void {
  app.decorateRequest('caller', null as unknown as Caller);
  app.addHook('onRoute', ({ url, config }) => {
    // A route that forgot to say would be open to all. The pages of the documentation are.
    if (config?.scope === undefined && !url.startsWith('/docs'))
      throw new Error(`the route ${url} does not say which scope it needs`);
  });
  app.addHook('onRequest', async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined || scope === null) return;
    request.caller = await authenticate(request);
    const { queue } = request.params as { queue?: string };
    if (!request.caller.may(scope, queue)) throw forbidden(scope, queue);
  });
}

/** What a caller is told who lacks a scope. */
export function forbidden(scope: Scope, queue: string | undefined): SluiceError {
  const where = queue === undefined ? '' : ` for queue "${queue}"`;
  return new SluiceError('SLUICE_FORBIDDEN', `this needs the scope "${scope}"${where}, which your key lacks`);
}
