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

-- The README, the guides and the reference.
function M.for_readers()
  return M.list "README.md docs/guide/*.md docs/reference/*.md"
end

-- The blocks of a page in one language, in order.
---@param path string
---@param language string all that stands behind the backticks
---@return table[] blocks line (of the opening backticks), source
function M.blocks(path, language)
  local blocks, open, number = {}, nil, 0
  for text in io.lines(path) do
    number = number + 1
    if open and text:find "^```%s*$" then
      if open.language == language then
        open.source = table.concat(open, "\n")
        blocks[#blocks + 1] = open
      end
      open = nil
    elseif open then
      open[#open + 1] = text
    elseif text:find "^```" then
      open = { line = number, language = text:match "^```(.-)%s*$" }
    end
  end
  return blocks
end

return M
