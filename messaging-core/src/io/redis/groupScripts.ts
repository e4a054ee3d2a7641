// The steps of groups, each one script in the group's slot; and of the index of
// groups that have something to fan out.
import { LuaScript } from '@carillon/service/redis';

/** Send ids kept of one group. */
const IDS_PER_GROUP_MAX = 5_000;
/** Accepted and not yet in every queue, of one group. More takes larger bursts, and memory: each may hold 64 KiB. */
const BACKLOG_MAX = 1_000;

const PRELUDE = `
local root = KEYS[1]
local function addChange(revision, change, kept)
  redis.call('ZADD', root .. ':c', revision, revision .. ' ' .. change)
  redis.call('ZREMRANGEBYSCORE', root .. ':c', '-inf', tonumber(revision) - kept)
end
local function putMembers(from)
  for i = from, #ARGV, 2 do
    if ARGV[i + 1] == '' then
      redis.call('HDEL', root .. ':m', ARGV[i])
      redis.call('ZREM', root .. ':l', ARGV[i])
    else
      redis.call('HSET', root .. ':m', ARGV[i], ARGV[i + 1])
      redis.call('ZADD', root .. ':l', 0, ARGV[i])
    end
  end
end
`;

/** ARGV: revision, devices revision, sealed state, change, then members and their roles. */
export const CREATE = new LuaScript(
  'create group',
  `${PRELUDE}
if redis.call('HEXISTS', root, 'rev') == 1 then return 'exists' end
redis.call('HSET', root, 'rev', ARGV[1], 'drev', ARGV[2], 'state', ARGV[3])
addChange(ARGV[1], ARGV[4], 1)
putMembers(5)
return 'stored'`,
);

/** ARGV: revision, '1' with a state, the state, change, changes kept, '1' to end it; then members and their roles, '' for one that goes. */
export const CHANGE = new LuaScript(
  'change group',
  `${PRELUDE}
local revision = redis.call('HGET', root, 'rev')
if not revision then return 'unknown' end
if tonumber(ARGV[1]) ~= tonumber(revision) + 1 then return 'stale' end
if ARGV[6] == '1' then
  -- Send ids stay: a repeat is still one.
  for _, part in ipairs({'', ':m', ':l', ':c', ':o', ':u'}) do redis.call('DEL', root .. part) end
  return 'stored'
end
redis.call('HSET', root, 'rev', ARGV[1])
if ARGV[2] == '1' then redis.call('HSET', root, 'state', ARGV[3]) end
addChange(ARGV[1], ARGV[4], tonumber(ARGV[5]))
putMembers(7)
return 'stored'`,
);

/** ARGV: since which revision, bytes at most. Gives changes, the first in any case. */
export const CHANGES = new LuaScript(
  'group changes',
  `local changes, after, left = {}, '(' .. ARGV[1], tonumber(ARGV[2])
while true do
  -- One at a time: all that is kept of one group may be many megabytes.
  local next = redis.call('ZRANGEBYSCORE', KEYS[1] .. ':c', after, '+inf', 'LIMIT', 0, 1)[1]
  if not next then break end
  local space = next:find(' ', 1, true)
  left = left - (#next - space)
  if #changes > 0 and left < 0 then break end
  changes[#changes + 1] = next
  after = '(' .. next:sub(1, space - 1)
end
return changes`,
);

/** Gives revision, devices revision, state, and members with their roles. */
export const GROUP = new LuaScript(
  'group',
  `local group = redis.call('HMGET', KEYS[1], 'rev', 'drev', 'state')
if not group[1] then return false end
return {group[1], group[2], group[3], redis.call('HGETALL', KEYS[1] .. ':m')}`,
);

/** ARGV: account. */
export const TOUCH = new LuaScript(
  'touch group',
  `if redis.call('HEXISTS', KEYS[1] .. ':m', ARGV[1]) == 0 then return 0 end
return redis.call('HINCRBY', KEYS[1], 'drev', 1)`,
);

/** ARGV: the sending account, mark, roster revision, devices revision, accepted at, expires at, lane, header, ciphertext. */
export const ACCEPT = new LuaScript(
  'accept group message',
  `${PRELUDE}
local from, mark, rosterRevision, devicesRevision, at, expires, lane, header, ciphertext = unpack(ARGV)
local before = redis.call('ZSCORE', root .. ':r', mark)
if before then return {'repeated', before} end
local group = redis.call('HMGET', root, 'rev', 'drev', 'no')
if not group[1] or redis.call('HEXISTS', root .. ':m', from) == 0 then return {'group-unknown'} end
if group[1] ~= rosterRevision or group[2] ~= devicesRevision then return {'stale-group', group[1], group[2]} end
if redis.call('XLEN', root .. ':o') + redis.call('XLEN', root .. ':u') >= ${BACKLOG_MAX} then return {'backlog-full'} end
-- Numbers go on from the clock, so that a group made anew under an old id does not begin again below.
local number = math.max(tonumber(group[3] or 0) + 1, tonumber(at) * 1000)
local id = string.format('%.0f', number)
redis.call('HSET', root, 'no', id)
redis.call('XADD', root .. ':' .. lane, id .. '-0', 'x', expires, 'f', from, 'h', header, 'c', ciphertext)
redis.call('ZADD', root .. ':r', at, mark)
if redis.call('ZCARD', root .. ':r') > ${IDS_PER_GROUP_MAX} then redis.call('ZREMRANGEBYRANK', root .. ':r', 0, 15) end
if redis.call('HEXISTS', root, 'xr') == 1 then return {'accepted', ''} end
redis.call('HSET', root, 'xr', at)
return {'accepted', at}`,
);

/** ARGV: lane, members at most. Gives the oldest message that waits, the cursor, and the members from there on. */
export const NEXT = new LuaScript(
  'fan out next',
  `local root, lane = KEYS[1], ARGV[1]
local entry = redis.call('XRANGE', root .. ':' .. lane, '-', '+', 'COUNT', 1)[1]
if not entry then return false end
local cursor = redis.call('HMGET', root, 'f' .. lane, 'a' .. lane, 'd' .. lane)
-- A cursor of another message: that one is done.
local after, device = '', '0'
if cursor[1] == entry[1] then after, device = cursor[2], cursor[3] end
-- Without a device all of that account is done.
local from = after == '' and '-' or (device == '' and '(' or '[') .. after
return {entry, after, device, redis.call('ZRANGEBYLEX', root .. ':l', from, '+', 'LIMIT', 0, ARGV[2])}`,
);

/** ARGV: lane, message, account and device gone through; no account: all of it is done. Gives how many wait. */
export const ADVANCE = new LuaScript(
  'fan out advance',
  `local root, lane, id, account, device = KEYS[1], unpack(ARGV)
if account == '' then redis.call('XDEL', root .. ':' .. lane, id) redis.call('HDEL', root, 'f' .. lane, 'a' .. lane, 'd' .. lane)
elseif redis.call('XLEN', root .. ':' .. lane) > 0 then
  redis.call('HSET', root, 'f' .. lane, id, 'a' .. lane, account, 'd' .. lane, device)
end
return redis.call('XLEN', root .. ':' .. lane)`,
);

/** ARGV: lane, group, now. A count beside it tells whoever finishes that there is more. */
export const ADD_WORK = new LuaScript(
  'work add',
  `redis.call('HINCRBY', KEYS[1] .. ':v', ARGV[1] .. ARGV[2], 1)
return redis.call('ZADD', KEYS[1] .. ':' .. ARGV[1], 'NX', ARGV[3], ARGV[2])`,
);
/** ARGV: now. Gives since when the first one of each lane may be taken. */
export const PEEK_WORK = new LuaScript(
  'work peek',
  `return {redis.call('ZRANGEBYSCORE', KEYS[1] .. ':u', '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, 1)[2] or '',
  redis.call('ZRANGEBYSCORE', KEYS[1] .. ':o', '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, 1)[2] or ''}`,
);
/** ARGV: lane, now, until when it is taken. Gives the group and its count. */
export const TAKE_WORK = new LuaScript(
  'work take',
  `local group = redis.call('ZRANGEBYSCORE', KEYS[1] .. ':' .. ARGV[1], '-inf', ARGV[2], 'LIMIT', 0, 1)[1]
if not group then return false end
redis.call('ZADD', KEYS[1] .. ':' .. ARGV[1], ARGV[3], group)
return {group, redis.call('HGET', KEYS[1] .. ':v', ARGV[1] .. group) or '0'}`,
);
/** ARGV: lane, group, count, now, '1' when nothing waits. Only if it still is taken until ARGV[6]. */
export const LEAVE_WORK = new LuaScript(
  'work leave',
  `local work, versions, item = KEYS[1] .. ':' .. ARGV[1], KEYS[1] .. ':v', ARGV[1] .. ARGV[2]
if tonumber(redis.call('ZSCORE', work, ARGV[2]) or nil) ~= tonumber(ARGV[6]) then return 0 end
if ARGV[5] == '1' and redis.call('HGET', versions, item) == ARGV[3] then
  redis.call('ZREM', work, ARGV[2])
  return redis.call('HDEL', versions, item)
end
return redis.call('ZADD', work, ARGV[4], ARGV[2])`,
);

export const GROUP_SCRIPTS = [
  CREATE,
  CHANGE,
  CHANGES,
  GROUP,
  TOUCH,
  ACCEPT,
  NEXT,
  ADVANCE,
  ADD_WORK,
  PEEK_WORK,
  TAKE_WORK,
  LEAVE_WORK,
];
