// The steps of calls, each one script in the call's slot.
import { LuaScript } from '@carillon/service/redis';
import { OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX } from '../../core/outbox.ts';
import { OUTBOXES_PER_ACCOUNT_MAX } from '../../core/outboxes.ts';

/** Functions of a script are made anew with each call: each takes only what it needs. */
const SEATS = `
local key = KEYS[1] .. ':' .. ARGV[1]
-- The run of a seat is known to have the call for as long as any seat of it has a place there.
local function forgetRun(seat)
  local run = seat:match('^(.*)|')
  if not run then return end
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    if fields[i]:sub(1, 1) == '@' and fields[i + 1]:match('^(.*)|') == run then return end
  end
  redis.call('SREM', KEYS[1] .. ':r:' .. run, ARGV[1])
end
local function leave(device)
  local seat = redis.call('HGET', key, '@' .. device)
  redis.call('HDEL', key, '@' .. device, 'b:' .. device)
  redis.call('DEL', key .. ':o:' .. device)
  if seat then forgetRun(seat) end
end
`;

/**
 * ARGV: call, version, JSON, deadline or '', ms to live or '', device and the seats of which one is to be the holder
 * or '', device, seat and run to attach or '', its received seq, what is told; then devices that leave. Gives 1, the
 * version and the frames kept; 0 when another was quicker; -1 when the holder is another.
 */
export const SWAP = new LuaScript(
  'call swap',
  `${SEATS}
local id, version, json, deadline, life, holder, held, device, seat, run, received, told = unpack(ARGV, 1, 12)
if (redis.call('HGET', key, 'v') or '0') ~= version then return {0} end
if holder ~= '' then
  local holds = redis.call('HGET', key, '@' .. holder)
  if not holds or not (' ' .. held .. ' '):find(' ' .. holds .. ' ', 1, true) then return {-1} end
end
local nextVersion = string.format('%.0f', version + 1)
redis.call('HSET', key, 'v', nextVersion, 'c', json)
for i = 13, #ARGV do leave(ARGV[i]) end
local frames = {}
if device ~= '' then
  local before = redis.call('HGET', key, '@' .. device)
  redis.call('HSET', key, '@' .. device, seat)
  redis.call('SADD', KEYS[1] .. ':r:' .. run, id)
  if before and before ~= seat then forgetRun(before) end
  local box = key .. ':o:' .. device
  while true do
    local first = redis.call('LINDEX', box, 0)
    if not first or tonumber(first:match('^%d+')) > tonumber(received) then break end
    redis.call('LPOP', box)
    redis.call('HINCRBY', key, 'b:' .. device, -#first)
  end
  frames = redis.call('LRANGE', box, 0, -1)
end
if life ~= '' then
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    if fields[i]:sub(1, 1) == '@' then leave(fields[i]:sub(2)) end
    if fields[i]:sub(1, 2) == 's:' then redis.call('DEL', key .. ':o:' .. fields[i]:sub(3)) end
  end
  redis.call('PEXPIRE', key, life)
else redis.call('PERSIST', key) end
if deadline == '' then redis.call('ZREM', KEYS[1] .. ':t', id)
else redis.call('ZADD', KEYS[1] .. ':t', deadline, id) end
redis.call('SPUBLISH', key, 'S' .. nextVersion .. '\\n' .. told .. '\\n' .. json)
return {1, nextVersion, frames}`,
);

/**
 * Bytes that one account may relay in one call within the time that frames are kept, over all nodes: a script sees one
 * call. What an account creates, four calls, is a bound over all; each node has one of its own besides (admission.ts).
 * A call that rings five devices takes 80 KB, and one whose network changes every five seconds some 400 KB in that time.
 */
export const RELAYED_BYTES_MAX = 1024 * 1024;

/**
 * ARGV: call, version, to, from, sealed, now, ms that frames are kept, '1' when the receiver rings or is in. Gives 1; 0
 * when the call has changed; -1 when the account has no place for one more device; -2 and the time to wait when the
 * sender's has said too much.
 */
export const RELAY = new LuaScript(
  'call relay',
  `
local id, version, device, from, sealed, now, life, present = unpack(ARGV, 1, 8)
local key = KEYS[1] .. ':' .. id
if redis.call('HGET', key, 'v') ~= version then return {0} end
local sender = from:match('^(.*)%.')
local ends, sent = unpack(redis.call('HMGET', key, 'e:' .. sender, 'f:' .. sender))
-- A clock that was set back must not make anybody wait longer than that.
if not ends or tonumber(ends) <= tonumber(now) or ends - now > tonumber(life) then ends, sent = now + life, 0 end
sent = sent + #sealed
if sent > ${RELAYED_BYTES_MAX} then return {-2, ends - now} end
local box, last = key .. ':o:' .. device, redis.call('HGET', key, 's:' .. device)
if not last then
  local count = 'n:' .. device:match('^(.*)%.')
  if redis.call('HINCRBY', key, count, 1) > ${OUTBOXES_PER_ACCOUNT_MAX} and present ~= '1' then
    redis.call('HINCRBY', key, count, -1)
    return {-1}
  end
end
-- Sequences go on from the clock: Redis may lose its last writes, and none is given twice even then.
local seq = string.format('%.0f', math.max((last or 0) + 1, now * 1000))
local entry = seq .. '\\n' .. from .. '\\n' .. sealed
local bytes = redis.call('EXISTS', box) == 1 and tonumber(redis.call('HGET', key, 'b:' .. device) or 0) or 0
local count = redis.call('RPUSH', box, entry)
bytes = bytes + #entry
while true do
  local first = redis.call('LINDEX', box, 0)
  local isYoung = tonumber(first:match('^%d+')) >= (now - life) * 1000
  if isYoung and count <= ${OUTBOX_FRAMES_MAX} and bytes <= ${OUTBOX_BYTES_MAX} then break end
  redis.call('LPOP', box)
  bytes = bytes - #first
  count = count - 1
end
redis.call('PEXPIRE', box, life)
redis.call('HSET', key, 's:' .. device, seq, 'b:' .. device, bytes, 'e:' .. sender, string.format('%.0f', ends), 'f:' .. sender, sent)
redis.call('SPUBLISH', key, 'R' .. device .. '\\n' .. entry)
return {1}`,
);

/** ARGV: -, overdue since, claimed until, at most. Gives calls that nobody else takes for as long as the claim. */
export const DUE = new LuaScript(
  'calls due',
  `
local ids = redis.call('ZRANGEBYSCORE', KEYS[1] .. ':t', '-inf', ARGV[2], 'LIMIT', 0, ARGV[4])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1] .. ':t', ARGV[3], id) end
return ids`,
);

/** ARGV: call, run. Gives the seats of the run in that call, as device and seat in turn. */
export const SEATS_OF_RUN = new LuaScript(
  'call seats of run',
  `
local fields, found = redis.call('HGETALL', KEYS[1] .. ':' .. ARGV[1]), {}
for i = 1, #fields, 2 do
  if fields[i]:sub(1, 1) == '@' and fields[i + 1]:match('^(.*)|') == ARGV[2] then
    table.insert(found, fields[i]:sub(2))
    table.insert(found, fields[i + 1])
  end
end
if #found == 0 then redis.call('SREM', KEYS[1] .. ':r:' .. ARGV[2], ARGV[1]) end
return found`,
);

/** ARGV: account's device, seat. Gives the seat before. */
export const CLAIM_DEVICE = new LuaScript(
  'device claim',
  `
local before = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return before`,
);

const NOW = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;
/** ARGV: run, ms of its lease. 0: it had none, and others may have buried it. */
export const RENEW_RUN = new LuaScript(
  'run renew',
  `${NOW}
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
return ends and tonumber(ends) >= now and 1 or 0`,
);
/** ARGV: ms of a claim, at most. Gives runs whose lease has ended, for this node to bury. */
export const DEAD_RUNS = new LuaScript(
  'runs dead',
  `${NOW}
local found = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local run = member:gsub('^!', '')
  redis.call('ZREM', KEYS[1], member)
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[1]), '!' .. run)
  table.insert(found, run)
end
return found`,
);

export const SCRIPTS: readonly LuaScript[] = [SWAP, RELAY, DUE, SEATS_OF_RUN, CLAIM_DEVICE, RENEW_RUN, DEAD_RUNS];
