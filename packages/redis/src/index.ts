export { type BoundScript, type BoundTo, bindScript, bindText } from './bind-script.ts';
export { type BullScript, bullFunction } from './bull/bull-function.ts';
export { type BullScripts, bullScripts } from './bull/bull-scripts.ts';
export { takesUnnamedKeys } from './bull/unnamed-keys.ts';
export { assertServerVersion } from './checks.ts';
export type { CreateClient } from './create-client.ts';
export { type RedisClient, duplicatesOf } from './duplicates.ts';
export { redisFault } from './faults.ts';
export { type OpenClientOptions, type RedisPlace, openClient } from './open-client.ts';
export { corkPerTurn, writeNow } from './traffic/cork.ts';
export {
  type FailureRule,
  isScriptFault,
  isUnavailableForNow,
  retryCommand,
  withFailureRule,
} from './traffic/failure-rule.ts';
export { PerTurn } from './traffic/per-turn.ts';
export { heartbeat } from './traffic/silence.ts';
export { defaultRedisUrl, redactRedisUrl, redisUrlSchema } from './url/redis-url.ts';
