import { type HttpRequest, type Policy, judgeRequest, judgeUrl } from '@sluice/shared';
import { EgressBlocked } from '../http/egress-blocked.ts';

/**
 * The URL rules of the queue, for the first URL and for every redirect's: scheme, host, port, userinfo, literal
 * addresses. Names are judged again by the connector, on the address that they resolve to.
 * @throws EgressBlocked
 */
export function guard(raw: string, policy: Pick<Policy, 'egress' | 'origin'>, firstHop: boolean): URL {
  const judged = judgeUrl(raw, policy.egress);
  if (!judged.ok) throw new EgressBlocked(judged.reason);
  if (firstHop && policy.origin !== null && judged.url.origin !== policy.origin) {
    throw new EgressBlocked(
      `the queue serves ${policy.origin} only, but this URL leads to ${judged.url.origin}`,
    );
  }
  return judged.url;
}

/**
 * The request of a redirect hop, judged as the first one was (`admit`), with its header names in lower case.
 * @throws EgressBlocked
 */
export function guardRequest(request: HttpRequest): HttpRequest {
  const judged = judgeRequest(request);
  if (!judged.ok) throw new EgressBlocked(judged.reason);
  return judged.request;
}
