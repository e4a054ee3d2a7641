// The steps of queues, each one script in its account's slot. A queue entry has
// fields x (expires at), h (header), c (ciphertext); what n and b say of a device
// is always the number and bytes of what its two lanes hold, and its hash s says
// the same for each account that has something in them.
import { LuaScript } from '@carillon/service/redis';

/** Send ids kept for one recipient, about 30 bytes each. Fewer, and a late repeat is stored twice; the SDK drops it by id. */
const IDS_PER_RECIPIENT_MAX = 5_000;
/** The index is told again after so long, should a node have died before it told it. */
const INDEX_AGAIN_MS = 6 * 3600_000;
/** A full queue is gone through for what has expired so often at most: that reads all of it, and anybody may send to it. */
const FULL_LOOK_EVERY_MS = 1_000;
/** Entries a scan takes at once: bounds the script's memory. */
const SCAN_ENTRIES = 64;

/** Functions of a script are made anew with each call: each takes only what it needs. */
const ENTRIES = `
local root = KEYS[1]
local function field(entry, name)
  for i = 1, #entry[2], 2 do if entry[2][i] == name then return entry[2][i + 1] end end
end
local function text(number) return string.format('%.0f', number) end
-- Of a device: messages and bytes queued, seq, first expiry of each lane.
local function sizeOf(id) return redis.call('HMGET', root .. ':d:' .. id, 'n', 'b', 's', 'eo', 'eu') end
-- Adds up what goes, by the account it is from: the third part of its header.
local function note(gone, entry)
  local bytes, from = #field(entry, 'c'), field(entry, 'h'):match('^[^|]*|[^|]*|([^|]*)')
  gone.n, gone.b = gone.n + 1, gone.b + bytes
  local of = gone.of[from] or {0, 0}
  gone.of[from] = {of[1] + 1, of[2] + bytes}
end
local function nothing() return {n = 0, b = 0, of = {}} end
local function removed(id, gone)
  local size = redis.call('HMGET', root .. ':d:' .. id, 'n', 'b')
  local left, senders = (size[1] or 0) - gone.n, root .. ':s:' .. id
  redis.call('HSET', root .. ':d:' .. id, 'n', text(left), 'b', text((size[2] or 0) - gone.b))
  if left <= 0 then return redis.call('DEL', senders) end
  for from, of in pairs(gone.of) do
    redis.call('HINCRBY', senders, 'b' .. from, -of[2])
    if redis.call('HINCRBY', senders, 'n' .. from, -of[1]) <= 0 then
      redis.call('HDEL', senders, 'n' .. from, 'b' .. from)
    end
  end
end
`;
const EXPIRY = `${ENTRIES}
-- Drops up to max expired entries of a lane; gives how many, and the first expiry of what is left.
local function dropExpired(id, lane, now, max)
  local queue, gone, first, after = root .. ':' .. lane .. ':' .. id, nothing(), nil, '-'
  while true do
    local entries = redis.call('XRANGE', queue, after, '+', 'COUNT', ${SCAN_ENTRIES})
    if #entries == 0 then break end
    for _, entry in ipairs(entries) do
      local expires = tonumber(field(entry, 'x'))
      if expires <= now and gone.n < max then
        redis.call('XDEL', queue, entry[1])
        note(gone, entry)
      elseif not first or expires < first then first = expires end
    end
    if gone.n >= max then first = 0 break end
    after = '(' .. entries[#entries][1]
  end
  if gone.n > 0 then removed(id, gone) end
  if first then redis.call('HSET', root .. ':d:' .. id, 'e' .. lane, text(first))
  else redis.call('HDEL', root .. ':d:' .. id, 'e' .. lane) end
  return gone.n, first
end
`;
const PUT = `${EXPIRY}
-- What sizeOf says when an envelope fits; else nothing. max: messages, bytes, and of one sender messages and bytes.
local function hasRoom(id, from, bytes, now, max)
  local size = sizeOf(id)
  local function isWithin(messages, held, most, mostBytes)
    return tonumber(messages or 0) < tonumber(most) and tonumber(held or 0) + bytes <= tonumber(mostBytes)
  end
  local function fits()
    if not isWithin(size[1], size[2], max[1], max[2]) then return false end
    -- Nobody has more in it than there is.
    if isWithin(size[1], size[2], max[3], max[4]) then return true end
    local of = redis.call('HMGET', root .. ':s:' .. id, 'n' .. from, 'b' .. from)
    return isWithin(of[1], of[2], max[3], max[4])
  end
  if fits() then return size end
  local looked = tonumber(redis.call('HGET', root .. ':d:' .. id, 'fl') or 0)
  if math.abs(now - looked) < ${FULL_LOOK_EVERY_MS} then return nil end
  redis.call('HSET', root .. ':d:' .. id, 'fl', text(now))
  -- What nobody will read any more does not count.
  if size[4] and tonumber(size[4]) <= now then dropExpired(id, 'o', now, math.huge) end
  if size[5] and tonumber(size[5]) <= now then dropExpired(id, 'u', now, math.huge) end
  size = sizeOf(id)
  return fits() and size or nil
end
-- Seqs go on from the clock: Redis may lose its last writes, and a seq is never used again even then.
local function put(id, from, size, lane, now, expires, header, ciphertext)
  local seq = text(math.max((size[3] or 0) + 1, now * 1000))
  redis.call('XADD', root .. ':' .. lane .. ':' .. id, seq .. '-0', 'x', expires, 'h', header, 'c', ciphertext)
  local known = lane == 'o' and size[4] or lane == 'u' and size[5] or nil
  local first = known and tonumber(known) <= tonumber(expires) and known or expires
  redis.call('HSET', root .. ':d:' .. id, 's', seq, 'n', text((size[1] or 0) + 1),
    'b', text((size[2] or 0) + #ciphertext), 'e' .. lane, first)
  redis.call('HINCRBY', root .. ':s:' .. id, 'n' .. from, 1)
  redis.call('HINCRBY', root .. ':s:' .. id, 'b' .. from, #ciphertext)
end
-- What the index is to be told: the expiry, if it knows of none as early.
local function toIndex(expires, now)
  local known = redis.call('HMGET', root, 'xe', 'xa')
  local isKnown = known[1] and tonumber(known[1]) <= tonumber(expires)
  if isKnown and known[2] and now - tonumber(known[2]) < ${INDEX_AGAIN_MS} then return '' end
  local first = isKnown and known[1] or expires
  redis.call('HSET', root, 'xe', first, 'xa', text(now))
  return first
end
local function remember(mark, at)
  redis.call('ZADD', root .. ':r', at, mark)
  if redis.call('ZCARD', root .. ':r') > ${IDS_PER_RECIPIENT_MAX} then redis.call('ZREMRANGEBYRANK', root .. ':r', 0, 15) end
  if redis.call('HEXISTS', root, 'xr') == 1 then return '' end
  redis.call('HSET', root, 'xr', at)
  return at
end
`;

/**
 * ARGV: mark, accepted at, expires at, lane, messages max, bytes max, of one sender messages and bytes max, the sending
 * device when it is the own account's, the sending account, the mark that it follows or ''; then device, header,
 * ciphertext of each envelope.
 */
export const ENQUEUE = new LuaScript(
  'enqueue',
  `${PUT}
local mark, at, expires, lane = unpack(ARGV, 1, 4)
local max, own, from, after = {unpack(ARGV, 5, 8)}, unpack(ARGV, 9, 11)
local before = redis.call('ZSCORE', root .. ':r', mark)
if before then return {'repeated', before} end
if after ~= '' and not redis.call('ZSCORE', root .. ':r', after) then return {'out-of-order'} end
local ids = redis.call('HGET', root, 'ds')
if not ids then return {'account-unknown'} end
local expected, missing = {}, 0
for id in ids:gmatch('%d+') do
  if id ~= own then expected[id] = 'missing' missing = missing + 1 end
end
for i = 12, #ARGV, 3 do
  if not expected[ARGV[i]] then return {'stale-devices', ids} end
  if expected[ARGV[i]] == 'missing' then expected[ARGV[i]] = 'named' missing = missing - 1 end
end
if missing > 0 then return {'stale-devices', ids} end
local now, sizes = tonumber(at), {}
for i = 12, #ARGV, 3 do
  sizes[i] = hasRoom(ARGV[i], from, #ARGV[i + 2], now, max)
  if not sizes[i] then return {'queue-full', ARGV[i]} end
end
local oldest = remember(mark, at)
if redis.call('SISMEMBER', root .. ':b', from) == 1 then return {'stored', '', oldest} end
for i = 12, #ARGV, 3 do put(ARGV[i], from, sizes[i], lane, now, expires, ARGV[i + 1], ARGV[i + 2]) end
return {'stored', #ARGV > 11 and toIndex(expires, now) or '', oldest}`,
);

/** ARGV: device, then seqs. */
export const ACKNOWLEDGE = new LuaScript(
  'acknowledge',
  `${ENTRIES}
local id, gone = ARGV[1], nothing()
for i = 2, #ARGV do
  for _, lane in ipairs({'o', 'u'}) do
    local queue = root .. ':' .. lane .. ':' .. id
    local entry = redis.call('XRANGE', queue, ARGV[i] .. '-0', ARGV[i] .. '-0')[1]
    if entry then
      redis.call('XDEL', queue, entry[1])
      note(gone, entry)
      break
    end
  end
end
if gone.n > 0 then removed(id, gone) end
return gone.n`,
);

/**
 * One group message into an account's queues, in the order of the group's messages and each once.
 * ARGV: group and lane, message number, lane, expires at, header, ciphertext, now, messages max, bytes max, of one sender
 * messages and bytes max, the sending device when it is the own account's, the sending account, after which device,
 * devices at most.
 * Gives what the index is to be told, the last device gone through or '' after the last one, and those reached.
 */
export const FAN_IN = new LuaScript(
  'fan in',
  `${PUT}
local group, number, lane, expires, header, ciphertext = unpack(ARGV, 1, 6)
local now, max = tonumber(ARGV[7]), {unpack(ARGV, 8, 11)}
local own, from, after, left = ARGV[12], ARGV[13], tonumber(ARGV[14]), tonumber(ARGV[15])
local ids = redis.call('HGET', root, 'ds') or ''
if redis.call('SISMEMBER', root .. ':b', from) == 1 then return {'', ''} end
local reply = {'', ''}
for id in ids:gmatch('%d+') do
  if tonumber(id) > after then
    if left == 0 then break end
    left = left - 1
    reply[2] = id
    local seen = redis.call('HGET', root .. ':f:' .. id, group)
    if id ~= own and (not seen or tonumber(seen) < tonumber(number)) then
      local size = hasRoom(id, from, #ciphertext, now, max)
      if size then
        put(id, from, size, lane, now, expires, header, ciphertext)
        reply[#reply + 1] = id
      end
      redis.call('HSET', root .. ':f:' .. id, group, number)
    elseif id ~= own and tonumber(seen) == tonumber(number) then
      -- Whoever put it in may have died before it told the device.
      reply[#reply + 1] = id
    end
  end
end
if #reply > 2 then reply[1] = toIndex(expires, now) end
local last = ids:match('(%d+)$')
if reply[2] == last or reply[2] == '' then reply[2] = '' end
return reply`,
);

/**
 * ARGV: now, forget ids before, rows at most. Gives how many were dropped and forgotten, the first expiry and the oldest
 * id left ('' for none), and whether groups are to be told of the account's devices.
 */
export const SWEEP = new LuaScript(
  'sweep',
  `${EXPIRY}
local now, left, dropped, first = tonumber(ARGV[1]), tonumber(ARGV[3]), 0, nil
for id in (redis.call('HGET', root, 'ds') or ''):gmatch('%d+') do
  for _, lane in ipairs({'o', 'u'}) do
    local known = tonumber(redis.call('HGET', root .. ':d:' .. id, 'e' .. lane) or nil)
    if known and known <= now then
      local count = 0
      if left > 0 then count, known = dropExpired(id, lane, now, left) end
      dropped, left = dropped + count, left - count
    end
    if known and (not first or known < first) then first = known end
  end
end
if first then redis.call('HSET', root, 'xe', text(first), 'xa', ARGV[1]) else redis.call('HDEL', root, 'xe') end
local old = redis.call('ZRANGEBYSCORE', root .. ':r', '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
if #old > 0 then redis.call('ZREM', root .. ':r', unpack(old)) end
local oldest = redis.call('ZRANGE', root .. ':r', 0, 0, 'WITHSCORES')[2]
if oldest then redis.call('HSET', root, 'xr', oldest) else redis.call('HDEL', root, 'xr') end
return {dropped, #old, first and text(first) or '', oldest or '', redis.call('HGET', root, 'gp') or ''}`,
);

/** ARGV: ids kept. Gives how many were forgotten. */
export const TRIM_IDS = new LuaScript(
  'trim ids',
  `return redis.call('ZREMRANGEBYRANK', KEYS[1] .. ':r', 0, -1 - math.min(tonumber(ARGV[1]), ${IDS_PER_RECIPIENT_MAX}))`,
);
