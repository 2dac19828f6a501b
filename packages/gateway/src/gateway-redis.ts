import { isUnavailableForNow, openClient, redisFault, withFailureRule } from '@sluice/redis';

/** The gateway's own connection to Redis: who may ask for what, and how often. */
export type GatewayRedis = { client: Awaited<ReturnType<typeof openClient>>; prefix: string };

/** A command that has no answer after this has failed, ms: callers are answered within 1.5 s. */
const failAfterMs = 1000;

/**
 * Opens it. While Redis is away its commands fail at once, as those of a client with `whenDown: 'fail'`.
 * @throws SluiceError SLUICE_REDIS_UNREACHABLE, SLUICE_REDIS_AUTH, SLUICE_REDIS_VERSION, SLUICE_REDIS_EVICTS
 */
export async function openGatewayRedis(url: string, prefix: string): Promise<GatewayRedis> {
  const client = await openClient(
    { url, prefix },
    {
      options: { enableOfflineQueue: false, commandTimeout: failAfterMs },
      prepare: (one) => {
        withFailureRule(one, (error) => (isOfTheCommand(error) ? error : redisFault(error, url)));
      },
    },
  );
  return { client, prefix };
}

/** ioredis loads a script that the server lacks, when it is told so. */
function isOfTheCommand(error: unknown): boolean {
  const isReply = error instanceof Error && error.name === 'ReplyError';
  return isReply && !isUnavailableForNow(error) && !/^(OOM|NOAUTH|NOPERM|WRONGPASS)\b/.test(error.message);
}
