-- The reference must name everything that a script can use, as the annotations
-- of the code have it.

local helper = require "spec.helper"

describe("the reference", function()
  local reference = dofile "scripts/reference.lua"

  for _, path in ipairs(reference.pages()) do
    it("is what the annotations say: " .. path, function()
      local text = helper.read(path)
      assert.is_true(text == reference.render(text), "stale: run make docs")
    end)
  end
end)

describe("a name that is exported and not documented", function()
  local reference = dofile "scripts/reference.lua"
  local graphsocket = require "graphsocket"
  local page = "<!-- functions graphsocket -->\n<!-- end -->"
  after_each(function() graphsocket.extra = nil end)

  for kind, value in pairs { ["function"] = function() end, table = {}, number = 1 } do
    it("is an error: a " .. kind, function()
      assert.matches("graphsocket%.new", reference.render(page))
      graphsocket.extra = value
      assert.has_error(function() reference.render(page) end,
        "graphsocket.extra is not documented")
    end)
  end
end)

-- What an editor would underline.
describe("the annotations", function()
  local function annotations(pattern)
    local pipe = io.popen("grep -rhE '^ *---@" .. pattern .. "' lua")
    local text = pipe:read "*a"
    pipe:close()
    return text
  end

  it("name types that are declared", function()
    local declared, count = {}, 0
    for name in annotations "(class|alias) ":gmatch "@%l+ ([%w_.]+)" do declared[name] = true end
    for line in annotations "(param|return|field|type|class|overload) ":gmatch "[^\n]+" do
      -- Neither values in quotes nor what is said of the type.
      local kind = line:gsub('"[^"\n]*"', ""):gsub("`[^`\n]*`", "")
      for name in kind:gmatch "%f[%w_]graphsocket%.[%w_.]*[%w_]" do
        count = count + 1
        assert.is_true(declared[name] or false, line)
      end
    end
    assert.is_true(count > 50)
  end)
end)
