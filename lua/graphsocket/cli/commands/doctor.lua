--- graphsocket doctor: why no notification comes.

local checks = require "graphsocket.cli.checks"
local convert = require "graphsocket.cli.convert"
local exit = require "graphsocket.cli.exit"
local graph = require "graphsocket.cli.graph"
local source = require "graphsocket.auth.source"
local text = require "graphsocket.cli.text"
local token = require "graphsocket.cli.token"

local doctor = {
  name = "doctor",
  summary = "Find out what is wrong.",
  description = "Checks one thing after the other that a notification needs "
    .. "(proxy, DNS, connection, TLS and its authorities, clock, token, "
    .. "permission, endpoint, websocket), and says what to do about the first "
    .. "that is not right.",
  examples = { "graphsocket doctor" },
}

function doctor.arguments(command)
  command:argument("resource", "What is to be watched; /me/drive/root.")
    :args "?":convert(convert.resource)
  command:option("--timeout", "Give up after so many seconds, with code 124.")
    :argname "SECONDS":convert(convert.seconds)
  graph.options(command)
end

local function tell(out, name, detail)
  out:record("check", { name = name, ok = true, detail = detail })
  out:line(("%s  %s  %s"):format(out.paint("green", "ok    "),
    text.pad(name, 10), text.safe(detail)))
end

local function tell_failure(out, name, err, advice)
  out:record("check", {
    name = name, ok = false, detail = out.sentence(err), advice = advice,
    kind = err.kind, code = err.code, status = err.status, phase = err.phase,
  })
  out:line(("%s  %s  %s"):format(out.paint("red", "FAILED"),
    text.pad(name, 10), text.safe(out.sentence(err))))
  out:line(("%s  what to do: %s"):format((" "):rep(6),
    text.safe(advice)))
end

function doctor.run(session)
  local out = session.out
  local found, from = token.source(session.values, function(message)
    out:warn(message)
  end)
  -- Without a token as well, the way to Graph can be looked at.
  if not found then
    local err = from
    found = source.new {
      name = "the token", fetch = function() return nil, err end,
    }
  end
  local resource = session.values.resource or "/me/drive/root"
  local self = checks.start(session, found, from, resource)
  for _, check in ipairs(checks.LIST) do
    local name, run = check[1], check[2]
    local detail, err, advice = run(self)
    if session:is_over() then return end
    if not detail then
      tell_failure(out, name, err, advice)
      return exit.of(err)
    end
    tell(out, name, detail)
  end
end

return doctor
