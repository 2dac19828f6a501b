/** Entries of the audit log that are kept, in all. */
export const auditMost = 10_000;

/** Entries of one actor that are kept: nobody pushes the others' out by making many. */
export const auditMostOfOne = 1000;

/** A longer value is cut off, bytes. */
export const auditValueBytes = 4096;

/** The list of an actor's entries goes this long after its last, ms. */
const ownTtlMs = 90 * 86_400_000;

/**
 * Writes what a script changes to the audit log, in the same step. Uses the key `auditLog` and the argument `actor`; the
 * ids of an actor's entries are kept beside it, so that his oldest one goes when he has too many.
 */
export const auditLua = `
local function audit(action, queue, subject, before, after)
  local id = redis.call('XADD', auditLog, 'MAXLEN', '=', ${auditMost}, '*', 'actor', actor, 'action', action, 'queue', queue,
    'subject', subject, 'before', string.sub(before, 1, ${auditValueBytes}), 'after', string.sub(after, 1, ${auditValueBytes}))
  local own = auditLog .. '/' .. actor
  redis.call('LPUSH', own, id)
  local tooMany = redis.call('LRANGE', own, ${auditMostOfOne}, -1)
  if #tooMany > 0 then
    redis.call('XDEL', auditLog, unpack(tooMany))
    redis.call('LTRIM', own, 0, ${auditMostOfOne - 1})
  end
  redis.call('PEXPIRE', own, ${ownTtlMs})
end
`;
