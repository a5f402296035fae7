#include "gateway/limit_script.h"

namespace insula::gateway {

// All state is one hash, KEYS[1]: it is there or gone as a whole.
//   generation, server, version, base, age, open, lost: see docs/decisions/0039
//   members                                        ids of replicas, with spaces between
//   m:ID     incarnation, sequence, version at joining, version seen, silent ms, generation that
//            it is registered in, whether it witnessed what was before this one
//   o:OWNER  who holds how much of a limit: ID:AMOUNT:HUNGRY ...
// Arguments and answer are lists of texts, in the order of limit_call.cc.
const std::string kLimitScript = R"lua(
local key, at = KEYS[1], 0
local function arg() at = at + 1; return ARGV[at] end
local function number() return tonumber(arg()) end
local function text(n) return string.format('%.0f', n) end
local function get(field) return redis.call('HGET', key, field) end
local function set(field, value) redis.call('HSET', key, field, value) end

local WITNESS_MS, FORGET_MS, MEMBERS_MAX = 30000, 4500000, 64

local me, life, seq = arg(), number(), number()
local my_generation, seen, my_age, witness, complete = arg(), number(), number(), arg(), arg()

local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') .. '.' ..
    string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local generation = get('generation')
local version = tonumber(get('version') or '0')
local age = tonumber(get('age') or '0')
local base = tonumber(get('base') or '0')
-- 1: what belongs to a window is lent, 2: everything is.
local open, lost = tonumber(get('open') or '0'), get('lost') == '1'

local ids, members = {}, {}
for id in string.gmatch(get('members') or '', '%S+') do
  local record = get('m:' .. id) or '0 0 0 0 0 - 0'
  local l, s, joined, acked, silent, registered, saw =
      string.match(record, '(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)')
  ids[#ids + 1] = id
  members[id] = {life = tonumber(l), seq = tonumber(s), joined = tonumber(joined),
      acked = tonumber(acked), silent = tonumber(silent), generation = registered,
      witness = saw == '1'}
end

-- What comes late, or of a process that another has replaced, changes nothing.
local mine = members[me]
if mine and (life < mine.life or (life == mine.life and seq <= mine.seq)) then
  return {'stale'}
end

-- Whoever has seen more than there is knows that something was lost; so does a server that is not
-- the one that wrote last. Of one that comes from an earlier generation that counts which it was
-- when this one began.
local known = my_generation == generation
if not generation or get('server') ~= server or (known and seen > version) or
    (not known and seen > base) then
  lost = lost or not generation or seen > (known and version or base)
  base = math.max(version, seen)
  version = base + 1
  generation = table.concat({text(version), me, text(life), text(seq)}, '-')
  age, open = 0, 0
  for _, id in ipairs(ids) do members[id].silent, members[id].witness = 0, false end
elseif known then
  age = math.max(age, my_age)
end
if get('fresh') then
  open, lost = 2, false
  redis.call('HDEL', key, 'fresh')
end
version = version + 1

if not mine then
  if #ids >= MEMBERS_MAX then return {'full'} end
  mine = {joined = version, generation = '-', witness = false}
  ids[#ids + 1] = me
  members[me] = mine
end

mine.life, mine.seq, mine.silent = life, seq, 0
mine.acked = math.max(mine.acked or 0, seen)

-- Silence is what some replica has measured since it saw the same call of another.
for _ = 1, number() do
  local id, l, s, silent = arg(), number(), number(), number()
  local member = members[id]
  if known and member and member.life == l and member.seq == s then
    member.silent = math.max(member.silent, silent)
  elseif not known and not member and witness == '1' and #ids < MEMBERS_MAX then
    ids[#ids + 1] = id
    members[id] = {life = l, seq = s, joined = 0, acked = -1, silent = 0, generation = '-',
        witness = false}
  end
end
if complete == '1' then mine.generation = generation end
if not known and witness == '1' then mine.witness = true end

local established, witnessed, all_there, live = true, false, true, 0
local listed = {}
for _, id in ipairs(ids) do
  local member = members[id]
  if member.silent >= FORGET_MS then
    redis.call('HDEL', key, 'm:' .. id)
    members[id] = nil
  else
    listed[#listed + 1] = id
    if member.silent < WITNESS_MS then
      live = live + 1
      -- Who came later and had heard nothing before hears of this one with its first answer.
      local hears = member.acked == 0 and member.joined > mine.joined
      if id ~= me and not hears and member.acked < mine.joined then
        established = false
      end
    end
    if member.generation ~= generation then all_there = false end
    witnessed = witnessed or member.witness
  end
end
local registered = mine.generation == generation
-- Everybody is back who held something, so that what is held is known again; but not what those
-- had used who left long ago, if that was lost.
if all_there and witnessed then open = lost and math.max(open, 1) or 2 end

-- Nobody is missing in the list who could hold something.
local sound = open > 0 or witnessed or age >= FORGET_MS

local out = {'ok', generation, text(version), text(age), sound and '1' or '0', text(#listed)}
for _, id in ipairs(listed) do
  local member = members[id]
  set('m:' .. id, table.concat({text(member.life), text(member.seq), text(member.joined),
      text(member.acked), text(member.silent), member.generation, member.witness and '1' or '0'},
      ' '))
  out[#out + 1] = id
  out[#out + 1] = text(member.life)
  out[#out + 1] = text(member.seq)
  out[#out + 1] = text(member.silent)
end

local operations = number()
out[#out + 1] = text(operations)
for _ = 1, operations do
  local owner, limit, have, need, least, want, after, keep =
      arg(), number(), number(), number(), number(), number(), number(), arg() == '1'
  local others, kept, hungry = 0, {}, false
  local held_by = limit >= 0 and get('o:' .. owner) or ''
  for id, amount, hunger in string.gmatch(held_by, '([^%s:]+):(%d+):(%d)') do
    local member = members[id]
    if id ~= me and (keep or (member and member.silent < after)) then
      others = others + tonumber(amount)
      kept[#kept + 1] = id .. ':' .. amount .. ':' .. hunger
      if hunger == '1' and member and member.silent < WITNESS_MS then hungry = true end
    end
  end
  local is_open = open == 2 or (open == 1 and not keep) or age >= after
  local free, grant = limit - others - have, 0
  if is_open and registered and established and free > 0 then
    if need <= free then grant = need elseif least <= free then grant = free end
    local stock = math.floor(free / (2 * math.max(live, 1)))
    grant = math.max(grant, math.min(want, stock))
  end
  have = have + grant
  local starved = need > grant
  if have > 0 or starved then
    kept[#kept + 1] = me .. ':' .. text(have) .. ':' .. (starved and '1' or '0')
  end
  if #kept > 0 then set('o:' .. owner, table.concat(kept, ' '))
  else redis.call('HDEL', key, 'o:' .. owner) end
  out[#out + 1] = text(grant)
  out[#out + 1] = text(free - grant)
  out[#out + 1] = (hungry and '1' or '0') .. (is_open and '1' or '0') ..
      ((registered and established) and '1' or '0')
end

set('members', table.concat(listed, ' '))
set('version', text(version))
set('age', text(age))
set('generation', generation)
set('server', server)
set('base', text(base))
set('open', text(open))
set('lost', lost and '1' or '0')
return out
)lua";

}  // namespace insula::gateway
