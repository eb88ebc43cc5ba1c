-- The pages of the documentation, and the code in them, for the specs that try
-- what a reader would.

local M = {}

-- The pages that match shell patterns.
---@param patterns string
---@return string[] paths
function M.list(patterns)
  local paths = {}
  local pipe = io.popen("ls " .. patterns)
  for path in pipe:lines() do paths[#paths + 1] = path end
  pipe:close()
  return paths
end

-- A search path of this process, for a block that runs in a folder of its own.
---@param path string package.path or package.cpath
---@return string
function M.search_path(path)
  return (path:gsub("[^;]+", function(each)
    return each:sub(1, 1) == "/" and each or os.getenv "PWD" .. "/" .. each
  end))
end

-- The README, the guides and the reference.
function M.for_readers()
  return M.list "README.md docs/guide/*.md docs/reference/*.md"
end

-- All blocks of a page, in order.
local function all(path)
  local blocks, open, number = {}, nil, 0
  for text in io.lines(path) do
    number = number + 1
    if open and text:find "^```%s*$" then
      open.source = table.concat(open, "\n")
      blocks[#blocks + 1] = open
      open = nil
    elseif open then
      open[#open + 1] = text
    elseif text:find "^```" then
      open = { line = number, language = text:match "^```(.-)%s*$" }
    end
  end
  return blocks
end

-- The blocks of a page in one language, in order.
---@param path string
---@param language string all that stands behind the backticks
---@return table[] blocks line (of the opening backticks), source
function M.blocks(path, language)
  local found = {}
  for _, block in ipairs(all(path)) do
    if block.language == language then found[#found + 1] = block end
  end
  return found
end

-- What stands behind the backticks of each block of a page.
---@param path string
---@return string[]
function M.languages(path)
  local list = {}
  for i, block in ipairs(all(path)) do list[i] = block.language end
  return list
end

return M
