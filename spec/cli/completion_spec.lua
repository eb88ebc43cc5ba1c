-- The completions, in the shells that they are for: what stands in the line, or
-- is offered, when Tab is pressed.

local command = require "spec.cli.command"
local helper = require "spec.helper"

-- What is typed, and what becomes of it.
local CASES = {
  { "graphsocket wat", "watch" },
  { "graphsocket watch --exec-b", "--exec-batch" },
  { "graphsocket watch --from beg", "beginning" },
  { "graphsocket drives --clo", "--cloud" },
  { "graphsocket login --ten", "--tenant" },
}

local BASH = [[
source %s
for line; do
  read -ra COMP_WORDS <<<"$line"
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  _graphsocket
  echo "${COMPREPLY[@]}"
done]]

local FISH = [[
source %s
for line in $argv
  # The status of what finds nothing to join or split is 1.
  complete -C $line | string split -f 1 \t | string join ' '; or true
end]]

describe("the completions", function()
  local folder
  setup(function()
    folder = helper.scratch "completions"
    assert(helper.run { "mkdir", folder } == 0)
  end)

  -- Saves those of a shell; the path.
  local function save(shell, name)
    local code, out, err = command.run({}, "completion", shell)
    assert.equal("", err)
    assert.equal(0, code)
    helper.write(folder .. "/" .. name, out)
    return folder .. "/" .. name
  end

  -- Runs a shell with the lines of CASES as last words; what it prints of each.
  local function complete(words)
    for _, case in ipairs(CASES) do words[#words + 1] = case[1] end
    words.env = { HOME = folder, XDG_CONFIG_HOME = folder, XDG_DATA_HOME = folder }
    local process = helper.spawn(words)
    assert.equal(0, process:wait_while_it_tells())
    assert.equal("", process:err())
    return command.lines(process:out())
  end

  local function last_words(lines)
    local list = {}
    for i, line in ipairs(lines) do list[i] = line:match "(%S+)%s*$" end
    return list
  end

  local expected = {}
  for i, case in ipairs(CASES) do expected[i] = case[2] end

  it("of bash", function()
    local path = save("bash", "graphsocket.bash")
    assert.same(expected, complete { "bash", "-c", BASH:format(path), "bash" })
  end)

  it("of zsh", function()
    save("zsh", "_graphsocket")
    assert.same(expected, last_words(complete { "zsh", "-f", "spec/cli/complete.zsh", folder }))
  end)

  it("of fish", function()
    local path = save("fish", "graphsocket.fish")
    assert.same(expected, complete { "fish", "-c", FISH:format(path) })
  end)

  it("that cannot be written are an error", function()
    local process = command.shell({}, "graphsocket completion bash >/dev/full")
    assert.equal(1, process:wait())
    assert.matches("^graphsocket: standard output: [^\n]*\n$", process:err())
  end)
end)
