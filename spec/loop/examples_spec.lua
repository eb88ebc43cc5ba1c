-- The example of each host runs by its one command, and its guide shows nothing
-- else: each Lua block of docs/guide/event-loops.md stands in an example.

local helper = require "spec.helper"
local hosts = require "spec.loop.hosts"

local GUIDE = "docs/guide/event-loops.md"

local EXAMPLES = {
  { "own_loop", hosts["a loop of one's own"], last = "changed\t" },
  { "loops/luv", hosts.luv, last = "the timer went on\ttrue" },
  { "loops/neovim", hosts.Neovim, last = "3 lines in the buffer" },
  { "loops/cqueues", hosts.cqueues, last = "the coroutine went on\ttrue" },
  { "loops/cqueues_poll", hosts.cqueues, last = "the coroutine had time\ttrue" },
  { "loops/copas", hosts.copas, last = "the server says 3" },
}

describe("the example", function()
  for _, example in ipairs(EXAMPLES) do
    local name, host = example[1], example[2]
    it(name .. " tells of three changes, and ends", function()
      if host:missing() then
        pending(host:missing())
        return
      end
      local code, out, err = helper.run {
        "scripts/example", name, helper.interpreter();
        env = { LUA_PATH = package.path, LUA_CPATH = package.cpath };
      }
      -- Neovim without a screen writes its messages to stderr.
      if host ~= hosts.Neovim then assert.equal("", err) end
      out = (out .. err):gsub("%s+$", "")
      assert.equal(0, code)
      assert.equal(3, select(2, out:gsub("changed%s", "")), out)
      assert.truthy(out:match "[^\n]*$":find(example.last, 1, true), out)
    end)

    it(name .. " says its command in its first comment", function()
      local text = assert(helper.read("examples/" .. name .. ".lua"))
      assert.truthy(text:match "^%-%-.-\n\n":find("scripts/example " .. name, 1, true))
    end)
  end
end)

describe("the guide of the loops", function()
  -- A block begins with the name of the file in which it stands.
  it("shows Lua that stands in an example, word for word", function()
    local count = 0
    for name, block in assert(helper.read(GUIDE)):gmatch "```lua (%S+)\n(.-)```" do
      local text = assert(helper.read("examples/" .. name .. ".lua"), name)
      assert.truthy(text:find(block, 1, true), "not in " .. name .. ": " .. block)
      count = count + 1
    end
    assert.is_true(count >= #EXAMPLES)
  end)

  it("names every host and every version that was run", function()
    local text = helper.read(GUIDE)
    for _, host in ipairs(hosts) do
      assert.truthy(text:find(host.name, 1, true), host.name)
    end
  end)
end)
