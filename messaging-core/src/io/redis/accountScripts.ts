// The steps of accounts and devices, each one script in the account's slot.
// `ds` lists the present devices in order, `v` grows with every change of them.
import { LuaScript } from '@carillon/service/redis';

const PRELUDE = `
local root = KEYS[1]
local function addPrekeys(key, held, max, from, count)
  for i = from, from + 2 * count - 1, 2 do
    if held >= max then break end
    if redis.call('ZCOUNT', key, ARGV[i], ARGV[i]) == 0 then
      redis.call('ZADD', key, ARGV[i], ARGV[i + 1])
      held = held + 1
    end
  end
  return held
end
-- ARGV from \`at\` on: now, identity, signed prekey, last-resort KEM prekey or '', how many one-time prekeys, they, the KEM prekeys.
local function addDevice(at, ids)
  local id = redis.call('HINCRBY', root, 'l', 1)
  local device = root .. ':d:' .. id
  redis.call('HSET', device, 'c', ARGV[at], 'seen', ARGV[at], 'i', ARGV[at + 1], 'sp', ARGV[at + 2])
  if ARGV[at + 3] ~= '' then redis.call('HSET', device, 'lk', ARGV[at + 3]) end
  local count = tonumber(ARGV[at + 4])
  addPrekeys(root .. ':p:' .. id, 0, math.huge, at + 5, count)
  local kem = at + 5 + 2 * count
  addPrekeys(root .. ':k:' .. id, 0, math.huge, kem, (#ARGV - kem + 1) / 2)
  redis.call('HSET', root, 'ds', ids == '' and id or ids .. ',' .. id, 'gp', '1')
  redis.call('HINCRBY', root, 'v', 1)
  return id
end
local function removeDevice(id)
  for _, part in ipairs({'d', 'p', 'k', 'o', 'u', 's', 'f', 't'}) do redis.call('DEL', root .. ':' .. part .. ':' .. id) end
end
local function setList(revision, keys, signature)
  redis.call('HSET', root, 'lr', revision, 'lk', keys, 'ls', signature)
end
local function has(id) return redis.call('EXISTS', root .. ':d:' .. id) == 1 end
`;

/** ARGV: the account to be if there is none. Gives the account of the handle. */
export const CLAIM_HANDLE = new LuaScript(
  'claim handle',
  `redis.call('SET', KEYS[1], ARGV[1], 'NX') return redis.call('GET', KEYS[1])`,
);

/** ARGV: handle, then a device. Gives its id and the devices there were. */
export const REGISTER = new LuaScript(
  'register',
  `${PRELUDE}
local before = redis.call('HGET', root, 'ds') or ''
if redis.call('EXISTS', root) == 0 then redis.call('HSET', root, 'h', ARGV[1], 'l', 0) end
for id in before:gmatch('%d+') do removeDevice(id) end
redis.call('HDEL', root, 'lr', 'lk', 'ls')
return {addDevice(2, ''), before}`,
);

/** ARGV: the version that was read, the list's revision, keys, signature, then a device. Gives its id; false: changed meanwhile. */
export const LINK = new LuaScript(
  'link',
  `${PRELUDE}
if (redis.call('HGET', root, 'v') or '') ~= ARGV[1] then return false end
setList(ARGV[2], ARGV[3], ARGV[4])
return addDevice(5, redis.call('HGET', root, 'ds') or '')`,
);

/** ARGV: the version that was read, device, the devices left, and the list's revision, keys and signature, if any. */
export const REMOVE = new LuaScript(
  'remove',
  `${PRELUDE}
if (redis.call('HGET', root, 'v') or '') ~= ARGV[1] then return false end
removeDevice(ARGV[2])
redis.call('HSET', root, 'ds', ARGV[3], 'gp', '1')
redis.call('HINCRBY', root, 'v', 1)
if ARGV[4] then setList(ARGV[4], ARGV[5], ARGV[6]) end
return 1`,
);

/** Gives handle, last device id, devices, version, the list's revision, keys and signature. */
export const ACCOUNT = new LuaScript(
  'account',
  `return redis.call('HMGET', KEYS[1], 'h', 'l', 'ds', 'v', 'lr', 'lk', 'ls')`,
);

/** Gives of each device: id, identity, created, last seen. */
export const DEVICES = new LuaScript(
  'devices',
  `local devices = {}
for id in (redis.call('HGET', KEYS[1], 'ds') or ''):gmatch('%d+') do
  local device = redis.call('HMGET', KEYS[1] .. ':d:' .. id, 'i', 'c', 'seen')
  devices[#devices + 1] = {id, device[1], device[2], device[3]}
end
return devices`,
);

/** ARGV: device. Gives handle, last device id, identity, one-time prekeys, KEM prekeys. */
export const DEVICE = new LuaScript(
  'device',
  `local account = redis.call('HMGET', KEYS[1], 'h', 'l')
local identity = redis.call('HGET', KEYS[1] .. ':d:' .. ARGV[1], 'i')
return {account[1], account[2], identity,
  redis.call('ZCARD', KEYS[1] .. ':p:' .. ARGV[1]), redis.call('ZCARD', KEYS[1] .. ':k:' .. ARGV[1])}`,
);

/** ARGV: device, signed or '', last resort or '', one-time max, KEM max, how many one-time, they, the KEM prekeys. */
export const PUBLISH = new LuaScript(
  'publish prekeys',
  `${PRELUDE}
local id = ARGV[1]
if not has(id) then return false end
if ARGV[2] ~= '' then redis.call('HSET', root .. ':d:' .. id, 'sp', ARGV[2]) end
if ARGV[3] ~= '' then redis.call('HSET', root .. ':d:' .. id, 'lk', ARGV[3]) end
local oneTime, kem, count = root .. ':p:' .. id, root .. ':k:' .. id, tonumber(ARGV[6])
local rest = 7 + 2 * count
return {addPrekeys(oneTime, redis.call('ZCARD', oneTime), tonumber(ARGV[4]), 7, count),
  addPrekeys(kem, redis.call('ZCARD', kem), tonumber(ARGV[5]), rest, (#ARGV - rest + 1) / 2)}`,
);

/** ARGV: devices, none for all. Gives the account as ACCOUNT does, then of each device what a bundle needs. */
export const TAKE_BUNDLES = new LuaScript(
  'take bundles',
  `${PRELUDE}
local account = redis.call('HMGET', root, 'h', 'l', 'ds', 'v', 'lr', 'lk', 'ls')
if not account[1] then return false end
local wanted = {}
for _, id in ipairs(ARGV) do wanted[id] = true end
local reply = {account}
for id in (account[3] or ''):gmatch('%d+') do
  if #ARGV == 0 or wanted[id] then
    local device = redis.call('HMGET', root .. ':d:' .. id, 'i', 'sp', 'lk')
    local oneTime = redis.call('ZPOPMIN', root .. ':p:' .. id)[1] or ''
    local kem = redis.call('ZPOPMIN', root .. ':k:' .. id)[1] or device[3] or ''
    reply[#reply + 1] = {id, device[1], device[2], oneTime, redis.call('ZCARD', root .. ':p:' .. id),
      kem, redis.call('ZCARD', root .. ':k:' .. id)}
  end
end
return reply`,
);

/** ARGV: device, at. */
export const SEEN = new LuaScript(
  'seen',
  `${PRELUDE}
if not has(ARGV[1]) then return 0 end
for _, key in ipairs({root, root .. ':d:' .. ARGV[1]}) do
  if tonumber(redis.call('HGET', key, 'seen') or 0) < tonumber(ARGV[2]) then redis.call('HSET', key, 'seen', ARGV[2]) end
end
return 1`,
);

/** ARGV: presence, key digest or ''. */
export const SET_PRIVACY = new LuaScript(
  'set privacy',
  `if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'pv', ARGV[1], 'pd', ARGV[2]) end return 1`,
);

/** ARGV: other, '1' to block, how many may be. */
export const SET_BLOCKED = new LuaScript(
  'set blocked',
  `local key = KEYS[1] .. ':b'
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[2] ~= '1' then redis.call('SREM', key, ARGV[1]) return 1 end
if redis.call('SISMEMBER', key, ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', key) >= tonumber(ARGV[3]) then return 0 end
return redis.call('SADD', key, ARGV[1])`,
);

/** ARGV: device, service, target or ''. */
export const SET_TARGET = new LuaScript(
  'set push target',
  `${PRELUDE}
if not has(ARGV[1]) then return 0 end
if ARGV[3] == '' then return redis.call('HDEL', root .. ':t:' .. ARGV[1], ARGV[2]) end
return redis.call('HSET', root .. ':t:' .. ARGV[1], ARGV[2], ARGV[3])`,
);

/** ARGV: device, service, token. */
export const DROP_TARGET = new LuaScript(
  'drop push target',
  `local key = KEYS[1] .. ':t:' .. ARGV[1]
local target = redis.call('HGET', key, ARGV[2])
if not target or cjson.decode(target).token ~= ARGV[3] then return 0 end
return redis.call('HDEL', key, ARGV[2])`,
);

/** ARGV: the version whose groups were told. */
export const GROUPS_TOLD = new LuaScript(
  'groups told',
  `if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end return redis.call('HDEL', KEYS[1], 'gp')`,
);

export const ACCOUNT_SCRIPTS = [
  CLAIM_HANDLE,
  REGISTER,
  LINK,
  REMOVE,
  ACCOUNT,
  DEVICES,
  DEVICE,
  PUBLISH,
  TAKE_BUNDLES,
  SEEN,
  SET_PRIVACY,
  SET_BLOCKED,
  SET_TARGET,
  DROP_TARGET,
  GROUPS_TOLD,
];
