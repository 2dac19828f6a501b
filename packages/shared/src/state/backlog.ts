/** The field of BullMQ's hash `meta` that bounds the jobs of a queue that wait: `MOST PACE_US`; absent: no bound. */
export const backlogField = 'sluice:maxBacklog';

/** The code of the error that an add is answered with in Redis when the queue is full. */
export const backlogFullReply = 'SLUICE_BACKLOG_FULL';

/** Lua function `backlogFull(meta)`: the error of a queue that has as many jobs as its policy allows; else nil. */
export const backlogFullLua = `
local function backlogFull(meta)
  local bound = redis.call('HGET', meta, '${backlogField}')
  if not bound then return nil end
  -- All keys of a queue begin as this one does.
  local queue = string.sub(meta, 1, -1 - #'meta')
  local waiting = redis.call('LLEN', queue .. 'wait') + redis.call('ZCARD', queue .. 'prioritized')
    + redis.call('ZCARD', queue .. 'delayed')
  if waiting < tonumber(string.match(bound, '^%d+')) then return nil end
  return '${backlogFullReply} ' .. waiting .. ' ' .. bound
end
`;
