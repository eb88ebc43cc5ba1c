-- What the specs of the token sources share: asking one, and a login service that
-- answers what the test wants (with spec/fake_http.lua, in virtual time).

local assert = require "luassert"
local json = require "graphsocket.json"
local scope = require "graphsocket.scope"

local unpack = table.unpack or unpack

local M = {}

-- Calls a constructor that must raise, at the caller's line.
---@return string message
function M.refused(constructor, ...)
  local args = { n = select("#", ...), ... }
  local ok, message = pcall(function()
    local made = constructor(unpack(args, 1, args.n))
    return made
  end)
  assert.is_false(ok, "the arguments were taken")
  assert.matches("login%.lua:%d+: auth%.", message)
  return message
end

-- Asks a source as a client does.
function M.ask(from, fields)
  fields = fields or {}
  fields.scope = fields.scope or scope.new()
  return from:get(fields)
end

-- A device code.
M.DEVICE = {
  device_code = "device-s3cr3t", user_code = "ABC-123",
  verification_uri = "https://microsoft.com/devicelogin", expires_in = 900,
  interval = 5, message = "open it and enter ABC-123",
}

-- The answer with the n-th tokens.
function M.tokens(n, more)
  local body = {
    token_type = "Bearer", expires_in = 3600,
    access_token = "access-s3cr3t-" .. n, refresh_token = "refresh-s3cr3t-" .. n,
  }
  for name, value in pairs(more or {}) do body[name] = value end
  return { body = json.encode(body) }
end

-- A refusal in OAuth's form.
function M.oauth_error(code, status)
  return {
    status = status or 400;
    body = json.encode {
      error = code, trace_id = "trace-1",
      error_description = "AADSTS1: words of the service. Trace ID: x\r\n"
        .. "Correlation ID: y\r\nTimestamp: z",
    };
  }
end

-- The fields of a request's form.
function M.form_of(request)
  local form = {}
  for name, value in request.body:gmatch "([^&=]+)=([^&]*)" do
    form[name] = value:gsub("%%(%x%x)", function(hex)
      return string.char(tonumber(hex, 16))
    end)
  end
  return form
end

return M
