import type { Dispatcher } from 'undici';
import type { HttpRequest, Policy, ResponseHead } from '@sluice/shared';
import type { GuardedAgent } from '../http/agent.ts';
import { BadRedirect } from '../http/failure.ts';
import { type PermittedOptions, type UsedPermit, StalePermit } from '../http/permit-age.ts';
import type { AttemptTimer } from '../http/timeout.ts';
import type { PermitAnswer } from '../limits/permit.ts';
import { sleepUntil } from '../limits/sleep.ts';
import { guard } from './guard.ts';
import { type LargeBodies, type ReadBody, read } from './read.ts';
import { isRedirect, redirected } from './redirect.ts';

/** What sending needs besides the request. */
export type SendContext = {
  agent: GuardedAgent;
  policy: Policy;
  /** Where large bodies go; null: they are held. */
  large: LargeBodies | null;
  timer: AttemptTimer;
  /** The permit of the first request. */
  permit: UsedPermit;
  /** Asks for the permit of a redirect hop. */
  ask: (origin: string) => Promise<PermitAnswer>;
  /** A permit was not used after all. */
  unused: () => Promise<void>;
  /** Called when the first request was answered with a redirect: what fails now fails after something was done. */
  onRedirect: () => void;
};

export type Response = { head: ResponseHead } & ReadBody;

/** A redirect hop that may not be sent now, nor within the attempt's timeout. */
export class HopRefused extends Error {
  override readonly name = 'HopRefused';
  readonly answer: Exclude<PermitAnswer, { type: 'go' }>;
  constructor(answer: Exclude<PermitAnswer, { type: 'go' }>) {
    super('the permit of a redirect hop was refused');
    this.answer = answer;
  }
}

/** The permit script reserves starts that are at most this far away. */
const withinReachMs = 900;

const defaultHeaders = { accept: '*/*', 'accept-encoding': 'gzip, deflate, br', 'user-agent': 'sluice' };

function bodyOf(request: HttpRequest): string | Buffer | null {
  if (request.body === undefined) return null;
  return request.base64 ? Buffer.from(request.body, 'base64') : request.body;
}

/** One request and its response, headers and body; redirects are the caller's. */
async function exchange(
  request: HttpRequest,
  url: URL,
  permit: UsedPermit,
  context: SendContext,
): Promise<Response> {
  const options: PermittedOptions & Dispatcher.RequestOptions = {
    origin: url.origin,
    path: url.pathname + url.search,
    method: request.method,
    headers: { ...defaultHeaders, ...request.headers },
    body: bodyOf(request),
    signal: context.timer.signal,
    permit,
  };
  const response = await context.agent.dispatcher.request(options);
  // The length in the head of these is of the body that a GET would have had (RFC 9110, 8.6).
  const bodyless = request.method === 'HEAD' || response.statusCode === 304;
  const limit = bodyless ? Number.POSITIVE_INFINITY : context.policy.maxBody;
  // Nobody will read the body of a redirect.
  const large = bodyless || isRedirect(response.statusCode) ? null : context.large;
  const content = await read(response, limit, large);
  const headers = response.headers as ResponseHead['headers'];
  return { head: { status: response.statusCode, headers, url: url.href }, ...content };
}

/** Waits for the permit of a redirect hop, inside the attempt's timeout. @throws HopRefused */
async function hopPermit(origin: string, context: SendContext): Promise<UsedPermit> {
  const { timer, agent, ask } = context;
  const connected = await timer.race(agent.prepare(origin));
  try {
    for (;;) {
      const answer = await timer.race(ask(origin));
      if (answer.type === 'go') return answer.permit;
      // It is of no use to wait for what comes too late.
      const mayWait = answer.type === 'not-now' && answer.reason !== 'no-policy';
      if (!mayWait || answer.forMs > timer.leftMs) throw new HopRefused(answer);
      const reach = answer.reason === 'closed' ? withinReachMs : 0;
      await timer.race(sleepUntil(performance.now() + Math.max(10, answer.forMs - reach), timer.signal));
    }
  } finally {
    connected();
  }
}

/** One redirect hop. A permit that grew stale is replaced: what was sent before it must not be sent again. */
async function hop(request: HttpRequest, url: URL, context: SendContext): Promise<Response> {
  for (;;) {
    const permit = await hopPermit(url.origin, context);
    try {
      return await context.timer.race(exchange(request, url, permit, context));
    } catch (error) {
      if (!(error instanceof StalePermit)) throw error;
      await context.unused();
    }
  }
}

/**
 * Sends a request whose permit was given, and follows its redirects: each hop is guarded and asks for a permit of
 * its own, inside the attempt's timeout.
 */
export async function send(first: HttpRequest, url: URL, context: SendContext): Promise<Response> {
  const { policy, timer, permit } = context;
  let request = first;
  let target = url;
  let response = await timer.race(exchange(request, target, permit, context));
  for (let hops = 0; policy.maxRedirects > 0; hops++) {
    const { status, headers } = response.head;
    const next = redirected(request, target, status, headers['location']);
    if (next === null) break;
    context.onRedirect();
    if (hops === policy.maxRedirects) {
      throw new BadRedirect(`more than ${policy.maxRedirects} redirects; the last one leads to ${next.url}`);
    }
    request = next;
    target = guard(next.url, policy, false);
    response = await hop(request, target, context);
  }
  return response;
}
