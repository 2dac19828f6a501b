import type { Script } from './script.ts';

/** What the settle script answers. */
export const settleVerdicts = { refused: -1, already: 0, committed: 1 } as const;

/**
 * Commits the outcome of a job, once. It commits if the job's lock is ours or gone and no outcome exists: a worker
 * that finished during an outage reports late, and a run that lost its lock to another cannot overwrite it.
 *
 * KEYS  lock, outcome, reply stream (the outcome's key again when nobody awaits)
 * ARGV  1 lock token, 2 settled bytes, 3 TTL of the outcome (ms), 4 keep the bytes under the id (1) or only a marker (0),
 *       5 job id, 6 TTL of the reply stream (ms, 0: nobody awaits)
 * Returns one of settleVerdicts
 */
export const settleScript: Script = {
  name: 'sluiceSettle',
  keys: 3,
  lua: `
local lock = redis.call('GET', KEYS[1])
if lock and lock ~= ARGV[1] then return ${settleVerdicts.refused} end
local bytes = ARGV[2]
if ARGV[4] == '0' then bytes = '-' end
if not redis.call('SET', KEYS[2], bytes, 'PX', ARGV[3], 'NX') then return ${settleVerdicts.already} end
if ARGV[6] ~= '0' then
  redis.call('XADD', KEYS[3], '*', 'id', ARGV[5], 'settled', ARGV[2])
  redis.call('PEXPIRE', KEYS[3], ARGV[6])
end
return ${settleVerdicts.committed}
`,
};
