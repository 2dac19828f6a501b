import { logCells } from '../../../policy/pace.ts';

/**
 * Lua function `rateTerms(policy)`: what a queue's policy says of its rate, or nil where there is no policy. A policy
 * that 0.1 wrote says it in its JSON alone, and 0.1 leaves our fields as they were: `paced` is the version of the policy
 * that they belong to.
 */
export const rateTermsLua = `
local function rateTerms(policy)
  local f = redis.call('HMGET', policy, 'paceUs', 'window', 'origin', 'unitUs', 'limit', 'spanUs', 'cellUs', 'burst', 'version', 'paced')
  if not f[1] then return nil end
  local terms = {
    paceUs = tonumber(f[1]), window = tonumber(f[2]), origin = f[3], unitUs = tonumber(f[4] or '0'),
    limit = tonumber(f[5] or '0'), spanUs = tonumber(f[6] or '0'), cellUs = tonumber(f[7] or '0'), burst = tonumber(f[8] or '1'),
  }
  if terms.paceUs > 0 and f[9] ~= f[10] then
    local rate = cjson.decode(redis.call('HGET', policy, 'json')).rate
    terms.limit, terms.burst = rate.limit, 1
    terms.spanUs = (rate.per + rate.slack) * 1000
    terms.cellUs = rate.limit <= ${logCells} and 0 or math.ceil(terms.spanUs / ${logCells})
    terms.paceUs = math.ceil((terms.spanUs + terms.cellUs) / rate.limit)
    redis.call('HSET', policy, 'limit', terms.limit, 'spanUs', terms.spanUs, 'cellUs', terms.cellUs, 'paceUs', terms.paceUs, 'burst', 1, 'paced', f[9])
  end
  return terms
end
`;
