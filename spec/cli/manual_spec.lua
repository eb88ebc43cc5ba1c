local arguments = require "graphsocket.cli.arguments"
local environment = require "graphsocket.cli.environment"
local exit = require "graphsocket.cli.exit"
local helper = require "spec.helper"
local manual = dofile "scripts/manual.lua"

-- What documents must name: each command, option, variable, exit code.
local function public_words()
  local words = {}
  local function add(word) words[#words + 1] = word end
  local _, commands = arguments.parser()
  for name, command in pairs(commands) do
    add(name)
    for _, option in ipairs(command._options) do
      for _, alias in ipairs(option._aliases) do
        if alias ~= "-h" and alias ~= "--help" then add(alias) end
      end
    end
  end
  for _, variable in ipairs(environment.VARIABLES) do add(variable[1]) end
  for _, meaning in ipairs(exit.MEANINGS) do add(meaning[1]) end
  return words
end

describe("the manual", function()
  it("is what the parser says: make docs writes it anew", function()
    assert.equal(manual.render(), helper.read(manual.path))
  end)

  it("names everything", function()
    local page = manual.render():gsub("\\%-", "-")
    for _, word in ipairs(public_words()) do
      assert.truthy(page:find(word, 1, true), word .. " is missing")
    end
  end)

  it("is read by man without complaint", function()
    if helper.run { "sh", "-c", "command -v man" } ~= 0 then return pending "man is not here" end
    local code, out, err = helper.run {
      "man", "--warnings", "-l", "-Tutf8", manual.path, env = { MANWIDTH = "80", LC_ALL = "C.UTF-8" },
    }
    assert.equal(0, code)
    assert.equal("", err)
    assert.matches("graphsocket watch resource", out:gsub(".\b", ""):gsub("\27%[[%d;]*m", ""))
  end)
end)

describe("the reference of the command line", function()
  local page = helper.read "docs/reference/cli.md" or ""

  it("names everything", function()
    for _, word in ipairs(public_words()) do
      assert.truthy(page:find(word, 1, true), word .. " is missing")
    end
  end)

  it("has a row for each kind of record", function()
    local pipe = io.popen [[grep -rhoE '(record|stamp)\("[a-z]+"' lua/graphsocket/cli]]
    local count = 0
    for kind in pipe:read "*a":gmatch '"(%l+)"' do
      count = count + 1
      assert.truthy(page:find("\n| `" .. kind .. "`", 1, true), kind .. " is missing")
    end
    pipe:close()
    assert.is_true(count > 10)
  end)
end)
