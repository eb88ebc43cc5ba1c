--- A watch's place in its feed, kept where it outlives the process.
--
-- The place is one text, in a file or wherever the program's own functions put
-- it: a line with the version, a line with a check sum, a line of JSON. Whose
-- place it is stands in it (Graph host and resource), so that a feed is never
-- gone on with by the cursor of another.
-- Invariants: what cannot be understood is an error that names the file, never
-- a silent start from the beginning; a file is replaced as a whole (temporary
-- file, fsync, rename, fsync of the folder), so a crash or a full disk leaves
-- the old one; it is locked from open to close, by the file "<path>.lock"
-- (beside the file that a symbolic link leads to), which stays. The link in the
-- place is a secret: it is in no error's text.

local core = require "graphsocket.core"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"

local cursor = {}

local HEAD = "graphsocket watch, version "
local VERSION = 1
local MODE = 384 -- 0600

--- Latest time that a place may name, in epoch seconds.
local MAX_TIME = 1e12

--- Longest text that is read, in bytes. A link has a few hundred.
local MAX_BYTES = 1024 * 1024

---@class graphsocket.place
---@field link string the feed's deltaLink: where the next round begins
---@field proven string|nil the link that the last round began at: it worked
---@field synced_at number|nil epoch seconds by Graph's clock: what was changed
---  before has been delivered

---@class graphsocket.cursor
local methods = {}
local metatable = { __name = "graphsocket.cursor", __index = methods }

function metatable.__tostring(self)
  return "graphsocket.cursor: " .. self._name
end

local function failure(name, code, message)
  return errors.new {
    kind = "state", code = code, message = ("%s %s"):format(name, message),
    retryable = code == "unwritable",
  }
end

-- The text --------------------------------------------------------------------

--- Largest prime below 2^44: a byte more keeps every product exact in a double.
local PRIME = 17592186044399

-- A polynomial hash: against half-written files and slips of an editor, not
-- against anybody who means it.
local function checksum(text)
  local sum = #text
  for i = 1, #text do sum = (sum * 257 + text:byte(i) + 1) % PRIME end
  return ("%.0f"):format(sum)
end

local function encode(place, identity)
  local body = json.encode {
    host = identity.host, resource = identity.resource,
    link = place.link, proven = place.proven, synced_at = place.synced_at,
  }
  return ("%s%d\n%s\n%s\n"):format(HEAD, VERSION, checksum(body), body)
end

local ANEW = ": restore it, or remove it to start anew"

-- Returns a place; or nil, a word and what is wrong.
local function decode(text, identity)
  local is_ours = text:sub(1, #HEAD) == HEAD
  local version = is_ours and tonumber(text:match("^%d+", #HEAD + 1))
  if version and version > VERSION then
    return nil, "newer", "was written by a newer graphsocket: use that one"
  end
  local sum, body = text:match("\n(%d+)\n(.*)\n$")
  if not version or not sum or checksum(body) ~= sum then
    return nil, "damaged", "is damaged" .. ANEW
  end
  -- What could not be saved again was not saved by us.
  local saved = core.utf8_valid(body) and json.decode(body)
  if type(saved) ~= "table" or type(saved.link) ~= "string"
    or type(saved.proven or "") ~= "string"
    or type(saved.synced_at or 0) ~= "number"
    or math.abs(saved.synced_at or 0) > MAX_TIME then
    return nil, "damaged", "is damaged" .. ANEW
  end
  for _, what in ipairs { "resource", "host" } do
    if saved[what] ~= identity[what] then
      return nil, "foreign", ("belongs to the %s %s, not to %s: give each "
        .. "watch a state of its own"):format(what, tostring(saved[what]),
        identity[what])
    end
  end
  return {
    link = saved.link, proven = saved.proven, synced_at = saved.synced_at,
  }
end

-- Stores ----------------------------------------------------------------------

-- A store: name; lock() -> true | nil, code, message; load() -> text, or nil if
-- there is none, or nil, code, message; save(text) -> true | nil, message;
-- close().

local function file_store(path)
  local store = { name = ('state file "%s"'):format(path) }
  local lock

  function store.load()
    local text, message, reason = core.file_read(path, MAX_BYTES, false)
    if text or reason == "absent" then return text end
    return nil, "unreadable", "cannot be read: " .. message
  end

  function store.lock()
    -- Looked at first: no lock is left beside what is no state file.
    local _, code, message = store.load()
    if code then return nil, code, message end
    -- By the file's own name: two names of one file are one file.
    local target, holder
    target, message = core.file_target(path)
    if target then
      lock, message, holder = core.file_lock(target .. ".lock")
    end
    if lock then
      core.file_sweep(path)
      return true
    end
    if not holder then
      return nil, "unwritable", ("cannot be locked by %s.lock: %s")
        :format(path, message)
    end
    return nil, "locked", ("is in use by %s: two watches on one file would "
      .. "lose each other's changes"):format(holder > 0
      and ("process %d"):format(holder) or "another process")
  end

  function store.save(text)
    local ok, message = core.file_replace(path, text, MODE)
    return ok, message
  end

  function store.close()
    if lock then lock:close() end
    lock = nil
  end

  return store
end

local function describe(err)
  local ok, text = pcall(tostring, err)
  return ok and errors.redact(text) or "an error of type " .. type(err)
end

-- The program's own functions. They may wait; what they raise is reported.
local function own_store(given)
  return {
    name = "the state",
    lock = function() return true end,
    close = function() end,
    load = function()
      local ok, text, err = loop.call(given.load)
      if not ok then err = text end
      if not ok or (not text and err ~= nil) then
        return nil, "unreadable", "cannot be loaded: " .. describe(err)
      end
      if not text or type(text) == "string" then return text or nil end
      return nil, "unreadable", "cannot be loaded: load must return the text "
        .. "that save was given, or nil, but returned a " .. type(text)
    end,
    save = function(text)
      local ok, result, err = loop.call(given.save, text)
      if not ok then return nil, describe(result) end
      if result == false or (not result and err ~= nil) then
        return nil, describe(err == nil and "save returned false" or err)
      end
      return true
    end,
  }
end

-- For a watch without state: it begins anew with each process.
local NO_STORE = {
  name = "no state",
  lock = function() return true end,
  load = function() end,
  save = function() return true end,
  close = function() end,
}

--- Check of the option `state`.
---@param state any
---@return string|nil message
function cursor.check(state)
  if type(state) == "string" then
    if state == "" then return "must not be empty" end
    if state:find("\0", 1, true) then return "must not contain a NUL" end
    return nil
  end
  for name, value in pairs(state) do
    if (name ~= "load" and name ~= "save") or type(value) ~= "function" then
      return "must be a path, or { load = function, save = function }"
    end
  end
  if not state.load or not state.save then
    return "needs both functions: { load = function, save = function }"
  end
end

-- Opening ---------------------------------------------------------------------

-- Locks the store and reads the place. Returns true; or nil, a code and what is
-- wrong.
local function take(self, identity)
  local ok, code, message = self._store.lock()
  if not ok then return nil, code, message end
  local text
  text, code, message = self._store.load()
  if code then return nil, code, message end
  if not text then return true end
  self.place, code, message = decode(text, identity)
  if not self.place then return nil, code, message end
  return true
end

--- Opens a state, and reads the place in it. May wait if the state is the
--- program's own.
---@param state string|table|nil a path, { load, save }, or nil for none
---@param identity table host, resource
---@return graphsocket.cursor|nil its field `place` is nil if there was none
---@return graphsocket.error|nil kind "state"; code "damaged" "newer" "foreign"
---  "locked" "unreadable" "unwritable"
function cursor.open(state, identity)
  local store = NO_STORE
  if type(state) == "string" then
    store = file_store(state)
  elseif state then
    store = own_store(state)
  end
  local self = setmetatable({
    place = nil,          ---@type graphsocket.place|nil the stored one
    _identity = identity,
    _is_open = true,
    _name = store.name,
    _store = store,
  }, metatable)
  local ok, code, message = take(self, identity)
  if ok then return self end
  self:close()
  return nil, failure(store.name, code, message)
end

--- Makes a place durable. On an error the stored one is what it was.
---@param place graphsocket.place
---@return boolean|nil true
---@return graphsocket.error|nil kind "state", code "unwritable"
function methods:save(place)
  assert(self._is_open, "the cursor is closed")
  local ok, message = self._store.save(encode(place, self._identity))
  if not ok then
    return nil, failure(self._name, "unwritable",
      "cannot be written: " .. message)
  end
  self.place = place
  return true
end

--- Gives the lock back. Idempotent.
function methods:close()
  self._is_open = false
  self._store.close()
end

return cursor
