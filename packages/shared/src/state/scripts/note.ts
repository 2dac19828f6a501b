import { defineScript, ignored } from '../define-script.ts';
import { auditLua } from './parts/audit.ts';

/**
 * Writes an entry of the audit log for a change that takes more than one step, before its first: so there is no change
 * without an entry. `before` and `after` are JSON, '' for nothing; `queue` and `subject` '' for none.
 */
export const noteScript = defineScript({
  keys: (keys) => ({ auditLog: keys.audit }),
  args: ['actor', 'action', 'queue', 'subject', 'before', 'after'],
  parts: [auditLua],
  whenFull: true,
  lua: `
audit(action, queue, subject, before, after)
`,
  read: ignored,
});
