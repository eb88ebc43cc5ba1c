--- What the fuzz target "state" asserts of the files that outlive a process: a
--- watch's place, and the tokens of a sign-in.
--
-- An input is a byte that says what it is, then the text of a file, or only the
-- body of a place, which gets a right head and check sum: by chance no input
-- would. Asserted: nothing raises; what cannot be used is an error of kind
-- "state" whose text holds nothing of the file; what can be used, saved and
-- loaded again, is the same.

local cache = require "graphsocket.auth.cache"
local core = require "graphsocket.core"
local cursor = require "graphsocket.cursor"
local dump = require "spec.fuzz.dump"
local errors = require "graphsocket.errors"
local grammar = require "spec.fuzz.grammar"
local scope = require "graphsocket.scope"

local state = {}

local MODE = 384 -- 0600
local PATH = (os.getenv "TMPDIR" or "/tmp") .. "/graphsocket-fuzz-" .. core.pid()

local APPLICATION = {
  cache = PATH, client_id = "a", tenant = "common", scopes = "s",
}
local WHOSE = { host = "https://graph.example:443", resource = "/me/drive/root" }

-- A whole file with this body, as the module would write it.
local function file_of(body)
  local sum = #body
  for i = 1, #body do sum = (sum * 257 + body:byte(i) + 1) % 17592186044399 end
  return ("graphsocket watch, version 1\n%.0f\n%s\n"):format(sum, body)
end

local function store_of(text)
  local store = {}
  function store.load() return text end
  function store.save(new)
    text = new
    return true
  end
  return store
end

-- Whose the file is may be told; |text| is all of it.
local function check_error(err, text)
  assert(errors.is(err) and err.kind == "state", tostring(err))
  assert(not tostring(err):find "%c", "it is one line")
  local is_told = text:find '"host"[^"]*"[^"]*secret' or text:find '"resource"[^"]*"[^"]*secret'
  assert(is_told or not tostring(err):find("secret", 1, true), "it holds no link")
end

local function run_place(text)
  local store = store_of(text)
  local opened, err = cursor.open(store, WHOSE)
  if not opened then return check_error(err, text) end
  local place = opened.place
  assert(type(place.link) == "string")
  assert(opened:save(place))
  opened:close()
  local again = assert(cursor.open(store, WHOSE))
  assert(dump(again.place) == dump(place), "what is saved is what was loaded")
  again:close()
end

local function run_tokens(text)
  assert(core.file_replace(PATH, text, MODE))
  local asked
  local fetch = cache.through(APPLICATION, function(_, refresh_token)
    asked = refresh_token
  end)
  local token, life = fetch { scope = scope.new() }
  os.remove(PATH)
  os.remove(PATH .. ".lock")
  assert(asked == nil or type(asked) == "string", "a refresh token is text")
  if token then
    assert(type(token) == "string" and life > 0 and life < math.huge)
  elseif life then
    check_error(life, text)
  end
end

--- Judges an input; raises if what is made of it is not as it should be.
---@param input string
function state.run(input)
  local kind, text = input:byte() or 0, input:sub(2)
  if kind % 4 == 0 then
    run_place(text)
  elseif kind % 4 == 1 then
    run_tokens(text)
  else
    run_place(file_of(text))
  end
end

-- Inputs ----------------------------------------------------------------------

local LINKS = {
  '"https://graph.example/v1.0/me/drive/root/delta?token=secret"', '"secret\\u0000"', '"\255secret"', '"secret"',
}
local OPTIONS = { strings = LINKS }

local PLACE = {
  { "host", { '"https://graph.example:443"' } }, { "resource", { '"/me/drive/root"' } }, { "link", LINKS },
  { "proven", LINKS }, { "synced_at", { "1767225600", "1e999" } },
}

local TOKENS = {
  { "version", { "1", "1", "1", "2" } }, { "client_id", { '"a"' } }, { "tenant", { '"common"' } },
  { "refresh_token", { '"secret-r"' } }, { "access_token", { '"secret-a"' } },
  { "expires_at", { "4102444800", "1767225600", "1e999", '"4102444800"' } },
  { "scopes", { '"s offline_access"', '"t offline_access"' } },
}

--- Writes the JSON anew, once in three times.
---@param input string
---@param max integer
---@param seed integer
---@return string|nil
function state.mutate(input, max, seed)
  local chance = grammar.chance(seed)
  if not chance:once_in(3) then return nil end
  local kind = input:byte() or 2
  local members = kind % 4 == 1 and TOKENS or PLACE
  local changed = string.char(kind) .. grammar.members(chance, members, OPTIONS)
  return #changed <= max and changed or nil
end

return state
