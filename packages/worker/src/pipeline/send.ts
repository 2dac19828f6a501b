import type { Dispatcher } from 'undici';
import type { HttpRequest, Policy, ResponseHead } from '@sluice/shared';
import { BadRedirect } from '../http/failure.ts';
import type { PermittedOptions, UsedPermit } from '../http/permit-age.ts';
import type { AttemptTimer } from '../http/timeout.ts';
import type { PermitAnswer } from '../limits/permit.ts';
import { guard } from './guard.ts';
import { read } from './read.ts';
import { redirected } from './redirect.ts';

/** What sending needs besides the request. */
export type SendContext = {
  dispatcher: Dispatcher;
  policy: Policy;
  timer: AttemptTimer;
  /** The permit of the first request. */
  permit: UsedPermit;
  /** Asks for the permit of a redirect hop. */
  ask: (origin: string) => Promise<PermitAnswer>;
};

export type Response = { head: ResponseHead; body: Uint8Array };

/** A redirect hop that may not be sent now. */
export class HopRefused extends Error {
  override readonly name = 'HopRefused';
  readonly answer: Exclude<PermitAnswer, { type: 'go' }>;
  constructor(answer: Exclude<PermitAnswer, { type: 'go' }>) {
    super('the permit of a redirect hop was refused');
    this.answer = answer;
  }
}

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
  const response = await context.dispatcher.request(options);
  // The length in the head of these is of the body that a GET would have had (RFC 9110, 8.6).
  const bodyless = request.method === 'HEAD' || response.statusCode === 304;
  const body = await read(response, bodyless ? Number.POSITIVE_INFINITY : context.policy.maxBody);
  const headers = response.headers as ResponseHead['headers'];
  return { head: { status: response.statusCode, headers, url: url.href }, body };
}

/**
 * Sends a request whose permit was given, and follows its redirects: each hop is guarded and asks for a permit of
 * its own, inside the attempt's timeout.
 */
export async function send(first: HttpRequest, url: URL, context: SendContext): Promise<Response> {
  let request = first;
  let target = url;
  let permit = context.permit;
  for (let hops = 0; ; hops++) {
    const response = await context.timer.race(exchange(request, target, permit, context));
    if (context.policy.maxRedirects === 0) return response;
    const next = redirected(request, target, response.head.status, response.head.headers['location']);
    if (next === null) return response;
    if (hops === context.policy.maxRedirects) {
      throw new BadRedirect(
        `more than ${context.policy.maxRedirects} redirects; the last one leads to ${next.url}`,
      );
    }
    request = next;
    target = guard(next.url, context.policy, false);
    const answer = await context.timer.race(context.ask(target.origin));
    if (answer.type !== 'go') throw new HopRefused(answer);
    permit = answer.permit;
  }
}
