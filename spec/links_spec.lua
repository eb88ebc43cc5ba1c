-- Every relative link of every page leads somewhere: to a file that is there,
-- and to a heading that it has.

local helper = require "spec.helper"
local lfs = require "lfs"
local pages = require "spec.pages"

-- A page without what is code in it.
local function prose(path)
  return (("\n" .. helper.read(path)):gsub("\n```.-\n```", "\n"):gsub("`[^`\n]*`", function(code)
    return (code:gsub("[%[%]()<>]", ""))
  end))
end

-- What GitHub makes of a heading.
local function anchor(heading)
  return (heading:gsub("%[([^%]]*)%]%([^)]*%)", "%1"):lower()
    :gsub("[^%w%s_\128-\255-]", ""):gsub(" ", "-"))
end

local function anchors(path)
  local set, times = {}, {}
  for heading in prose(path):gmatch "\n#+ ([^\n]*)" do
    local name = anchor(heading)
    set[times[name] and name .. "-" .. times[name] or name] = true
    times[name] = (times[name] or 0) + 1
  end
  return set
end

local function links(path)
  local list, text = {}, prose(path)
  for _, form in ipairs { "%]%(([^)%s]+)%)", 'src="([^"]+)"', 'href="([^"]+)"' } do
    for target in text:gmatch(form) do
      if not target:find "^%a+:" then list[#list + 1] = target end
    end
  end
  return list
end

describe("the links of", function()
  for _, path in ipairs(pages.list "*.md docs/*.md docs/*/*.md bench/*.md") do
    it(path .. " lead somewhere", function()
      for _, link in ipairs(links(path)) do
        local target, name = link:match "^([^#]*)#?(.*)$"
        local file = target == "" and path or (path:match "^.*/" or "") .. target
        assert.truthy(lfs.attributes(file), link .. ": no such file")
        if name ~= "" and file:find "%.md$" then
          assert.is_true(anchors(file)[name] or false, link .. ": no such heading")
        end
      end
    end)
  end

  it("a page that leads nowhere are found", function()
    local page = helper.scratch "page.md"
    helper.write(page, "# One `two` *three*\n[a](#one-two-three) [b](gone.md) `[c](code.md)`\n")
    assert.same({ "#one-two-three", "gone.md" }, links(page))
    assert.same({ ["one-two-three"] = true }, anchors(page))
  end)
end)
