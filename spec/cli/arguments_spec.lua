-- Wrong use of every command and of every option: one line that helps.

local arguments = require "graphsocket.cli.arguments"
local command = require "spec.cli.command"

-- Words that make a command's call right, but for what a test does to it.
local ENOUGH = {
  watch = { "/me/drive/root" }, subscribe = { "/me/drive/root" },
  endpoint = { "/me/drive/root" }, connect = { "https://example.com" },
  completion = { "bash" }, login = { "--client-id", "1" },
}

-- A value that is right, by the name that an option's help gives to it.
local RIGHT = {
  CMD = "true", FILE = "/dev/null", JSON = "{}", NAME = "global", URL = "http://localhost",
}

-- Values that are wrong, likewise; nothing at all is wrong for each.
local WRONG = {
  SECONDS = { "soon", "0", "1e-300", "1e999", "nan", "0x10", "1s" }, N = { "some", "1.5", "99999999999" },
  JSON = { "[1]", "{", "1" }, URL = { "example.com", "ftp://example.com", "https://" },
  ["--proxy"] = { "socks5://localhost", "http://", "http://a b" },
  HEADER = { "text", "a b: c", "Name: a\nb" }, WHERE = { "yesterday" },
}

local function refused(...)
  local values, message = arguments.parse { ... }
  local call = table.concat({ ... }, " ")
  assert.is_nil(values, call)
  assert.is_nil(message:find "%c", message)
  assert.matches("^graphsocket[%l ]*: .* %(see graphsocket[%l ]* %-%-help%)$", message)
  return message
end

local function with(name, ...)
  local words = { name }
  for _, word in ipairs(ENOUGH[name] or {}) do words[#words + 1] = word end
  for i = 1, select("#", ...) do words[#words + 1] = (select(i, ...)) end
  return (table.unpack or unpack)(words)
end

describe("wrong use", function()
  local _, commands = arguments.parser()

  it("of the command as a whole", function()
    assert.matches("a command is required: watch, ", refused())
    assert.matches("did you mean 'watch'", refused "wacth")
    refused "nonsense"
    refused "--nonsense"
  end)

  for _, name in ipairs(arguments.COMMANDS) do
    it("of " .. name, function()
      local argument = commands[name]._arguments[1]
      if argument and argument._minargs > 0 then refused(name) end
      -- What simulate is given is the simulator's affair.
      if name ~= "simulate" then refused(with(name, "more", "than", "enough")) end
      refused(with(name, "--nonsense"))
      refused(with(name, "--jsno"))
    end)

    for _, option in ipairs(commands[name]._options) do
      local word = option._aliases[#option._aliases]
      it("of " .. name .. " " .. word, function()
        if option._maxargs == 0 then
          refused(with(name, word .. "=1"))
        else
          assert.matches("requires an argument", refused(with(name, word)))
          local wrong = WRONG[word] or WRONG[option._argname] or {}
          for _, value in ipairs { "", (unpack or table.unpack)(wrong) } do
            local message = refused(with(name, word .. "=" .. value))
            assert.truthy(message:find(word, 1, true), message)
          end
        end
        assert.matches("unknown option", refused(with(name, word .. "x")))
      end)
    end

    for _, one in ipairs(commands[name]._mutexes) do
      local words, names = {}, {}
      for i, option in ipairs(one) do
        names[i] = option._aliases[#option._aliases]
        words[i] = names[i] .. (option._maxargs > 0 and "=" .. RIGHT[option._argname] or "")
      end
      it(("of %s: %s"):format(name, table.concat(names, " with ")), function()
        assert.matches("can not be used together",
          refused(with(name, (unpack or table.unpack)(words))))
      end)
    end
  end

  it("of options that contradict each other, of two commands", function()
    local count = 0
    for _, name in ipairs { "watch", "connect" } do count = count + #commands[name]._mutexes end
    assert.equal(8, count)
  end)

  it("of an option's place", function()
    assert.matches("unknown option '--json': give it after the command, as in graphsocket watch --json ",
      refused("--json", "watch", "/me/drive/root"), 1, true)
    assert.matches("after the command", refused("-q", "watch", "/me/drive/root"))
  end)

  it("of a negative number", function()
    assert.matches("'-1' looks like an option: a value that begins with - is given as in --timeout=-1 ",
      refused(with("watch", "--timeout", "-1")), 1, true)
  end)

  it("of completion", function()
    assert.matches("^graphsocket completion: .*must be one of 'bash', 'zsh', 'fish'",
      refused("completion", "tcsh"))
  end)

  it("says what a value should be", function()
    assert.matches("give one such as 30",
      refused(with("watch", "--timeout", "soon")))
    assert.matches("must be one of 'now', 'beginning'",
      refused(with("watch", "--from", "yesterday")))
    assert.matches('use "/me/drive/root"', refused("endpoint", "/me/drive"))
    assert.matches("cannot be read", refused(with("endpoint", "--ca-file", "/nonexistent")))
    assert.matches("/tmp is a folder: give a file", refused(with("endpoint", "--ca-file", "/tmp")))
    assert.matches("--auth-file: /dev/zero is longer than a MiB",
      refused(with("connect", "--auth-file", "/dev/zero")), 1, true)
    assert.matches("--namespace: a namespace contains no comma",
      refused(with("connect", "--namespace", "/a,b")), 1, true)
    assert.matches("give it as --header 'Authorization: Basic …' (see",
      refused("connect", "https://user:pass@example.com"), 1, true)
    assert.matches("such as https://", refused(with("endpoint", "--base-url", "graph")))
    assert.matches("only http:// proxies", refused(with("endpoint", "--proxy", "socks5://x")))
    assert.matches("can not be used together",
      refused(with("watch", "--exec", "a", "--exec-batch", "b")))
    assert.matches("do not go together", refused(with("watch", "--exec", "a", "--json")))
    assert.matches("%-%-key needs %-%-cert", refused(with("drives", "--key", "/dev/null")))
    assert.matches("%-%-site: it must not be empty", refused(with("drives", "--site", "")))
    assert.matches("plain text to example.com",
      refused(with("endpoint", "--base-url", "http://example.com")))
    assert.matches("plain text to example.com", refused("connect", "http://example.com"))
  end)

  it("of a token as an argument says why, and what instead", function()
    for _, words in ipairs { { "--token", "secret" }, { "--token=secret" } } do
      local message = refused(with("watch", (table.unpack or unpack)(words)))
      assert.matches("a token is no argument, since ps", message)
      assert.matches("GRAPH_TOKEN, %-%-token%-file", message)
      assert.not_matches("secret", message)
    end
  end)

  it("does not show the query of a URL", function()
    assert.not_matches("secret", refused("connect", "ftp://example.com/?token=secret"))
  end)

  it("ends with 2, and says one line", function()
    local code, out, err = command.run({}, "watch")
    assert.equal(2, code)
    assert.equal("", out)
    assert.equal("graphsocket watch: missing argument 'resource' "
      .. "(see graphsocket watch --help)\n", err)
  end)
end)

describe("the help", function()
  it("fits into 80 columns, and has an example", function()
    local parser, commands = arguments.parser()
    local helps = { parser:get_help() }
    for _, one in pairs(commands) do helps[#helps + 1] = one:get_help() end
    for _, help in ipairs(helps) do
      assert.matches("\nExamples?:\n   ", help)
      for line in help:gmatch "[^\n]+" do
        assert.is_true(#line <= 80, line)
      end
    end
  end)

  it("is printed, as is the version", function()
    local code, out = command.run({}, "endpoint", "--help")
    assert.equal(0, code)
    assert.matches("^Usage: graphsocket endpoint", out)
    code, out = command.run({}, "--version")
    assert.equal(0, code)
    assert.matches("^graphsocket %d+%.%d+%.%d+\n$", out)
  end)
end)
