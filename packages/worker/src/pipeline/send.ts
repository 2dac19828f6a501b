import type { HttpRequest, Policy, ResponseHead, StoredBody } from '@sluice/shared';
import type { GuardedAgent } from '../http/agent.ts';
import { type BodyRoom, Exchange, type Exchanged, type LargeBodies } from '../http/exchange.ts';
import { BadRedirect, BrokenResponse } from '../http/failure.ts';
import type { AttemptTimer } from '../http/attempt-timer.ts';
import type { PermitAnswer } from '../limits/permits.ts';
import { sleepUntil } from '../limits/sleep.ts';
import { StalePermit, type Ticket } from '../limits/ticket.ts';
import { guard, guardRequest } from './guard.ts';
import { isRedirect, redirected } from './redirect.ts';

/** What sending needs besides the request. */
export type SendContext = {
  agent: GuardedAgent;
  policy: Policy;
  /** Where large bodies go; null: they are held in memory. */
  large: LargeBodies | null;
  timer: AttemptTimer;
  /** Holds the permit of the first request; the redirect hops ask it for theirs. */
  ticket: Ticket;
  /** The first request's claim to a connection. */
  claim: Disposable;
};

/** `body` is empty when it is stored. */
export type Response = { head: ResponseHead; body: Uint8Array; stored?: StoredBody };

/** A redirect hop that may not be sent now, nor within the attempt's timeout. */
export class HopDenied extends Error {
  override readonly name = 'HopDenied';
  readonly answer: PermitAnswer;
  readonly origin: string;
  constructor(answer: PermitAnswer, origin: string) {
    super('the permit of a redirect hop was denied');
    this.answer = answer;
    this.origin = origin;
  }
}

/** The permit script reserves starts that are at most this far away. */
const withinReachMs = 900;

const none = new Uint8Array();

const defaultHeaders = { accept: '*/*', 'accept-encoding': 'gzip, deflate, br', 'user-agent': 'sluice' };

function bodyOf(request: HttpRequest): string | Buffer | null {
  if (request.body === undefined) return null;
  return request.base64 ? Buffer.from(request.body, 'base64') : request.body;
}

/** How much of a response's body is read, and where it goes. */
function roomFor(method: string, status: number, { policy, large }: SendContext): BodyRoom {
  // The length in the head of these is that of the body that a GET would have had (RFC 9110, 8.6).
  if (method === 'HEAD' || status === 304) return { limit: Number.POSITIVE_INFINITY, large: null };
  // Nobody will read the body of a redirect.
  return { limit: policy.maxBody, large: isRedirect(status) ? null : large };
}

/** One request and its response, headers and body; the caller follows redirects. */
async function exchange(request: HttpRequest, url: URL, context: SendContext): Promise<Response> {
  const { timer, agent, ticket } = context;
  const { method } = request;
  let receiver: Exchange | undefined;
  try {
    const { status, headers, ...content } = await timer.work<Exchanged>((resolve, reject) => {
      const exchange = new Exchange({
        onStart: () => ticket.spend(),
        roomFor: (answered) => roomFor(method, answered, context),
        resolve,
        reject,
      });
      receiver = exchange;
      const path = url.pathname + url.search;
      const allHeaders = { ...defaultHeaders, ...request.headers };
      const { onHead } = exchange;
      const onSent = () => ticket.written();
      agent.dispatch(
        { origin: url.origin, path, method, headers: allHeaders, body: bodyOf(request), onSent, onHead },
        exchange,
      );
      return (reason) => exchange.cancel(reason);
    });
    return { head: { status, headers, url: url.href }, ...content };
  } catch (error) {
    const head = receiver?.head ?? null;
    if (head === null) throw error;
    const came = { ...head, headers: head.headers as ResponseHead['headers'], url: url.href };
    // Nobody reads the body of a redirect that is followed.
    const isFollowed =
      context.policy.maxRedirects > 0 && isRedirect(head.status) && head.headers['location'] !== undefined;
    if (isFollowed && !timer.aborted) return { head: came, body: none };
    throw new BrokenResponse(came, error);
  }
}

/** Waits for the permit of a redirect hop, inside the attempt's timeout. @throws HopDenied */
async function hopPermit(origin: string, { timer, ticket }: SendContext): Promise<void> {
  for (;;) {
    const answer = await ticket.ask(origin, timer);
    if (answer.type === 'go') return;
    // It does not wait for a permit that comes after the timeout.
    const mayWait = answer.type === 'not-now' && answer.reason !== 'no-policy';
    if (!mayWait || answer.forMs > timer.leftMs) throw new HopDenied(answer, origin);
    const reach = answer.reason === 'closed' ? withinReachMs : 0;
    await timer.race(sleepUntil(performance.now() + Math.max(10, answer.forMs - reach), timer.signal));
  }
}

/** One redirect hop. A stale permit is replaced, because the requests before this hop must not be sent again. */
async function hop(request: HttpRequest, url: URL, context: SendContext): Promise<Response> {
  const { timer, agent } = context;
  for (;;) {
    using _ = await timer.race(Promise.resolve(agent.prepare(url.origin)));
    await hopPermit(url.origin, context);
    try {
      return await exchange(request, url, context);
    } catch (error) {
      if (!(error instanceof StalePermit)) throw error;
    }
  }
}

/**
 * Sends a request whose permit was given, and follows its redirects: each hop is guarded and asks for a permit of
 * its own, inside the attempt's timeout.
 */
export async function send(first: HttpRequest, url: URL, context: SendContext): Promise<Response> {
  const { policy, claim, agent } = context;
  let request = first;
  let target = url;
  let response = await exchange(request, target, context);
  claim[Symbol.dispose]();
  for (let hops = 0; policy.maxRedirects > 0; hops++) {
    const { status, headers } = response.head;
    // The rules may have changed since the job was taken.
    const { egress } = agent;
    const next = redirected(request, target, status, headers['location'], egress.redirectBodies);
    if (next === null) break;
    if (hops === policy.maxRedirects) {
      throw new BadRedirect(`more than ${policy.maxRedirects} redirects; the last one leads to ${next.url}`);
    }
    request = guardRequest(next);
    target = guard(next.url, { origin: policy.origin, egress }, false);
    response = await hop(request, target, context);
  }
  return response;
}
