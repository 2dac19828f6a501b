import type { FastifyReply } from 'fastify';

/** Calls when an answer was written, or its client has gone; at once if that is so already. */
export function whenClosed({ raw }: FastifyReply, call: () => void): void {
  if (raw.destroyed) call();
  else raw.once('close', call);
}

/** Aborts when the client goes away before its answer was written. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  whenClosed(reply, () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}
