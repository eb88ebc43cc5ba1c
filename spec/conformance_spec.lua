-- The page is what the data says, and the data names tests that exist. That
-- they succeed is shown by scripts/conformance, and by the specs themselves.

local helper = require "spec.helper"
local page = require "spec.conformance_page"
local rows = require "spec.conformance"

-- The text of a spec file, with sentences over several lines put together.
local function source(path)
  return (assert(helper.read(path), path):gsub('"%s*%.%.%s*"', ""))
end

-- Whether |name| is that of a test in |text|: it ends with a test's sentence; or
-- the sentence is put together in a loop, and it ends with the beginning of the
-- sentence and with another text of the file.
local function occurs(text, name)
  for sentence, behind in text:gmatch '%f[%w]it%(%s*%(?"([^"\n]*)"%s*([.):,])' do
    local fixed = sentence:gsub("%%s.*$", "")
    if behind == "," then
      if name:sub(-#sentence - 1) == " " .. sentence then return true end
    elseif #fixed > 0 then
      local _, last = name:find(" " .. fixed, 1, true)
      local rest = last and name:sub(last + 1)
      if rest and #rest > 0 and text:find(rest, 1, true) then return true end
    end
  end
  return false
end

describe("the conformance page", function()
  it("holds the rows of the data, no others, all of them passed", function()
    local text = helper.read "docs/conformance.md"
    assert.equal(page.text(rows), text)
  end)

  it("is made of whole rows, each once", function()
    local seen = {}
    for _, row in ipairs(rows) do
      local key = row.area .. ": " .. row.behaviour
      assert.is_nil(seen[key], key)
      seen[key] = true
      assert.is_true(row.out_of_scope ~= nil
        or (row.spec ~= nil and row.test ~= nil), key)
    end
  end)

  it("names reasons for what is out of scope of three kinds only", function()
    local REASONS = { polling = true, WebTransport = true, ["browser-only"] = true }
    for _, row in ipairs(rows) do
      if row.out_of_scope then
        assert.is_true(REASONS[row.out_of_scope], row.behaviour)
      end
    end
  end)

  it("names tests that exist", function()
    local texts = {}
    for _, row in ipairs(rows) do
      if row.spec then
        texts[row.spec] = texts[row.spec] or source(row.spec)
        assert.is_true(occurs(texts[row.spec], row.test),
          row.spec .. ": " .. row.test)
      end
    end
  end)
end)
