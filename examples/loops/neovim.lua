-- Notifications in Neovim: each change of a drive is a message and a line of a
-- buffer, while you edit.
--
--   scripts/example loops/neovim                       against the Graph simulator
--   GRAPH_TOKEN=... nvim -c "luafile examples/loops/neovim.lua"
--                                                      against Microsoft Graph
--
-- Neovim brings luv; graphsocket has to be built for LuaJIT, and be found by
-- LUA_PATH and LUA_CPATH or in the runtimepath.

local graphsocket = require "graphsocket"

graphsocket.loop "luv"

local client = graphsocket.new {
  token = os.getenv "GRAPH_TOKEN",
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}
local buffer = vim.api.nvim_create_buf(true, true)
local wanted = #vim.api.nvim_list_uis() == 0 and 3 or math.huge

-- Handlers run in callbacks of libuv, where Neovim allows next to none of its
-- functions: what uses them goes through vim.schedule.
local subscription = client:subscribe "/me/drive/root"
subscription:on("notification", vim.schedule_wrap(function(notification)
  vim.notify("changed " .. notification.resource .. "\n")
  vim.api.nvim_buf_set_lines(buffer, -1, -1, false, { notification.resource })
  wanted = wanted - 1
  if wanted == 0 then
    vim.notify(vim.api.nvim_buf_line_count(buffer) - 1 .. " lines in the buffer\n")
    vim.cmd "qall!"
  end
end))
