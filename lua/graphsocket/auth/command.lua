--- Tokens that a command prints.
--
-- The command runs beside the loop: its output is read as it comes, sockets
-- go on meanwhile, and one that hangs is killed with all it started. Its
-- standard error goes into the error message, for there the tool says what is
-- wrong ("please run az login").

local core = require "graphsocket.core"
local date = require "graphsocket.date"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local source = require "graphsocket.auth.source"

local command = {}

--- How long a token of unknown life is kept, in seconds. Graph's live for an
--- hour or more, and one that ends sooner is noticed by the 401.
local UNKNOWN_LIFE = 300

--- Longest output read, in bytes. A token has some thousand.
local MAX_OUTPUT = 256 * 1024

--- First and longest pause between two looks at the command, in seconds.
local LOOK, LOOK_MAX = 0.01, 0.2

-- az before 2.54 gives the local time without saying so.
local function from_local_time(text)
  local year, month, day, hour, minute, second =
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d):(%d%d)[.%d]*$")
  return year and os.time {
    year = year, month = month, day = day,
    hour = hour, min = minute, sec = second,
  }
end

-- The life that a JSON answer states, in seconds, or nil.
local function life_of(answer)
  local expires_in = source.seconds(answer.expires_in)
  if expires_in then return expires_in end
  local at = source.seconds(answer.expires_on)
  if not at then
    local text = answer.expiresOn or answer.token_expiry or answer.expires_on
    if type(text) ~= "string" then return nil end
    at = date.from_iso(text) or from_local_time(text)
  end
  return at and at - loop.time()
end

--- Reads a command's output.
---@param text string
---@return string|nil token
---@return number|string expires_in, or what is wrong
function command.parse(text)
  text = source.trim(text)
  if text:sub(1, 1) ~= "{" then
    if text == "" then return nil, "printed nothing" end
    if text:find("%s") then
      return nil, "printed neither a token nor JSON (a token has no spaces)"
    end
    return text:gsub('^"(.*)"$', "%1"), UNKNOWN_LIFE
  end
  local answer, message = json.decode(text)
  if not answer then
    return nil, "printed JSON that cannot be read: " .. message
  end
  -- gcloud config config-helper nests it.
  if type(answer.credential) == "table" then answer = answer.credential end
  local token = answer.accessToken or answer.access_token or answer.token
  if type(token) ~= "string" then
    return nil, "printed JSON without accessToken, access_token or token"
  end
  return token, life_of(answer) or UNKNOWN_LIFE
end

-- Runs the command to its end. Returns its output, or nil and a message.
local function run(line, scope)
  local process, message = core.process(line)
  if not process then return nil, "cannot be started: " .. message end
  -- A scope that is cancelled kills it at once, not at the next look.
  local forget = scope:on_cancel(function() process:close() end)
  local out, err, pause = "", "", LOOK
  while true do
    local more_out, more_err, code = process:read()
    out = out .. (more_out or "")
    err = (err .. (more_err or "")):sub(1, 1024)
    if #out > MAX_OUTPUT then
      message = "printed more than 256 KiB"
      break
    end
    if code then
      if code ~= 0 then
        message = ("ended with exit code %d: %s"):format(code,
          err:match("[^\r\n]+") or "it said nothing")
      end
      break
    end
    if not scope:sleep(pause) then
      message = "was stopped"
      break
    end
    pause = math.min(LOOK_MAX, pause * 1.5)
  end
  forget()
  process:close()
  if message then return nil, message end
  return out
end

-- A worker of nginx waits for every child that ends, and so takes its status.
local NOT_IN_NGINX = {
  kind = "usage", phase = "token", retryable = false,
  message = "auth.command does not work inside nginx, whose workers take the "
    .. "end of every child for themselves: use auth.refresh_token, or a "
    .. "function that gives a token",
}

---@class graphsocket.auth.command.options
---@field timeout? number for the command

--- The options of auth.command.
command.options = {
  timeout = { type = "number", default = 60, min = 0.001, unit = "seconds" },
}

--- Makes a source; see auth.command.
---@param line string
---@param values table timeout
---@return table
function command.new(line, values)
  return source.new {
    name = "the token command",
    timeout = values.timeout,
    fetch = function(ask)
      if loop.host() == "nginx" then return nil, errors.new(NOT_IN_NGINX) end
      local text, token, rest
      text, rest = run(line, ask.scope)
      if text then token, rest = command.parse(text) end
      if token then return token, rest end
      return nil, errors.new {
        kind = "auth", message = "the token command " .. rest,
        phase = "token", retryable = true,
      }
    end,
  }
end

return command
