import { defineScript } from '../define-script.ts';
import { auditLua } from './parts/audit.ts';

/** API keys that there can be at once. */
export const mostKeys = 1000;

const verdicts = ['changed', 'conflict', 'full', 'not-allowed'] as const;

/**
 * `conflict`: the key is not what it was when it was read. `full`: there are as many keys as there can be.
 * `not-allowed`: the key of whoever asks is not what it was, either.
 */
export type ChangeKeyVerdict = (typeof verdicts)[number];

/**
 * Creates, replaces or removes an API key, and says so in the audit log.
 *
 * id         of the key
 * was        what is stored of it; '' nothing
 * is         what is to be stored; '' nothing
 * grantor    the id of the key of whoever asks; '' an operator with access to Redis
 * grantorIs  what is stored of that: he may have lost it since he was let in
 * before     and `after`: what the audit log is told
 */
export const changeKeyScript = defineScript({
  keys: (keys) => ({ apiKeys: keys.apiKeys, auditLog: keys.audit }),
  args: ['id', 'was', 'is', 'grantor', 'grantorIs', 'actor', 'action', 'before', 'after'],
  parts: [auditLua],
  lua: `
if grantor ~= '' and redis.call('HGET', apiKeys, grantor) ~= grantorIs then return 3 end
if (redis.call('HGET', apiKeys, id) or '') ~= was then return 1 end
if was == '' and redis.call('HLEN', apiKeys) >= ${mostKeys} then return 2 end
if is == '' then redis.call('HDEL', apiKeys, id) else redis.call('HSET', apiKeys, id, is) end
audit(action, '', id, before, after)
return 0
`,
  read: (reply): ChangeKeyVerdict => verdicts[reply as number]!,
});
