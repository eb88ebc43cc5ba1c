-- The reference must name everything that a script can use, as the annotations
-- of the code have it.

local helper = require "spec.helper"
local options = require "graphsocket.options"
local socketio = require "graphsocket.socketio"

local page = helper.read "docs/reference/socketio.md"

-- Names in backticks at the beginning of a table's row, "on(event, fn)" as "on".
local function documented()
  local names = {}
  for row in page:gmatch "\n| (`[^\n]*)" do
    for name in row:match "^[^|]*":gmatch "`([%w_.]+)" do names[name] = true end
  end
  return names
end

local function public_names(object)
  local names = {}
  for name in pairs(getmetatable(object).__index) do
    if not name:find "^_" then names[#names + 1] = name end
  end
  return names
end

describe("the reference of socketio", function()
  local names = documented()

  it("has a row for every option, with its default", function()
    for name, rule in pairs(options.socket) do
      assert.is_true(names[name], "no row for option " .. name)
      if type(rule.default) == "boolean" then
        assert.truthy(page:find(("| `%s` [^\n]*| `%s` |"):format(name, rule.default)),
          "another default of " .. name)
      end
    end
  end)

  it("has a row for every method", function()
    local socket = socketio.connect("http://127.0.0.1:1", { auto_connect = false })
    for _, object in ipairs { socket, socket.io } do
      for _, name in ipairs(public_names(object)) do
        assert.is_true(names[name], "no row for method " .. name)
      end
    end
  end)

  it("has a row for every field of a socket", function()
    local socket = socketio.connect("http://127.0.0.1:1", { auto_connect = false })
    for name in pairs(socket) do
      if not name:find "^_" then
        assert.is_true(names[name], "no row for field " .. name)
      end
    end
  end)

  it("has a row for every function", function()
    for name in pairs(socketio) do
      assert.is_true(names["socketio." .. name], "no row for " .. name)
    end
  end)
end)

describe("the reference", function()
  local reference = dofile "scripts/reference.lua"

  for _, path in ipairs(reference.pages()) do
    it("is what the annotations say: " .. path, function()
      local text = helper.read(path)
      assert.is_true(text == reference.render(text), "stale: run make docs")
    end)
  end
end)
