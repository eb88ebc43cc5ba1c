-- What goes to standard output and what to standard error, for whom. That
-- neither can be written is in init_spec.lua and watch_spec.lua.

local errors = require "graphsocket.errors"
local command = require "spec.cli.command"
local helper = require "spec.helper"
local output = require "graphsocket.cli.output"

local EVERYTHING = [[
local errors = require "graphsocket.errors"
local out = require("graphsocket.cli.output").new({ %s }, error)
out:line "a line"
out:record("result", { n = 1 })
out:aside("aside")
out:news "some news"
out:detail "a detail"
out:warn(errors.new { kind = "network", message = "a warning" })
out:fail(errors.new { kind = "auth", message = "the end", status = 401 })
out:finish()
]]

describe("the output", function()
  -- What goes where, with these options.
  local function say(options)
    local process = helper.lua(EVERYTHING:format(options))
    assert.equal(0, process:wait(), process:err())
    return process:out(), process:err()
  end

  it("for people is lines of results, and of what else there is", function()
    local out, err = say ""
    assert.equal("a line\n", out)
    assert.equal("some news\ngraphsocket: a warning\ngraphsocket: the end (status 401)\n", err)
  end)

  it("for who is curious says each step", function()
    local out, err = say "verbose = true"
    assert.equal("a line\n", out)
    assert.matches("some news\na detail\n", err, 1, true)
  end)

  it("for who wants quiet is results, and what ends it", function()
    local out, err = say "quiet = true"
    assert.equal("a line\n", out)
    assert.equal("graphsocket: the end (status 401)\n", err)
  end)

  it("for programs is records; what ends it is said to people, too", function()
    local out, err = say "json = true"
    local types = {}
    for i, record in ipairs(command.records(out)) do
      types[i] = record.type
      assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+Z$", record.time)
    end
    assert.same({ "result", "aside", "error", "error" }, types)
    local last = command.records(out, "error")[2]
    assert.same({ true, "auth", 401 }, { last.final, last.kind, last.status })
    assert.equal("graphsocket: the end (status 401)\n", err)
    out = say "json = true, quiet = true"
    assert.equal(2, #command.records(out))
  end)

  it("is one line of JSON, whatever a server sent", function()
    local decode = require("cjson").decode
    assert.equal("a\239\191\189", decode(output.encode { name = "a\255" }).name)
    local line = output.encode { name = "\194\155\n\27" }
    assert.not_matches("[%c\155]", line)
    assert.equal("\194\155\n\27", decode(line).name)
  end)

  it("names an error by its words, not by the library's kinds", function()
    assert.equal("no route", output.sentence(errors.new { kind = "network", message = "no route" }))
    local failed = errors.new { kind = "state", code = "commandFailed", message = "the command failed" }
    assert.equal("the command failed", output.sentence(failed))
    assert.equal("just words", output.sentence "just words")
  end)

  it("aligns the rows of a table, by what is seen", function()
    local process = helper.lua [[
      local out = require("graphsocket.cli.output").new({}, error)
      out:table({ { "a", "1" }, { "日本", "2" }, { "ccc", "3" } }, nil, { "NAME", "N" })
    ]]
    assert.equal(0, process:wait(), process:err())
    assert.equal("NAME  N\na     1\n日本  2\nccc   3\n", process:out())
  end)
end)
