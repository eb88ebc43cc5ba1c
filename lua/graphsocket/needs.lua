--- What has to be installed beside graphsocket, as one line for each that is
--- not: Lua's own word is a list of files, the dynamic linker's a file.

local needs = {}

local MODULES = {
  cjson = { "lua-cjson (Debian)", "lua5.4-cjson (Alpine)", rock = "lua-cjson" },
  argparse = { "lua-argparse (Debian)", "lua5.4-argparse (Alpine)", rock = "argparse" },
}

-- Fedora, Alpine, Homebrew; Debian's name is made of the library's.
local LIBRARIES = {
  curl = { "libcurl", "libcurl", "curl" },
  websockets = { "libwebsockets", "libwebsockets", "libwebsockets" },
  uv = { "libuv", "libuv", "libuv" },
  ssl = { "openssl-libs", "libssl3", "openssl" },
  crypto = { "openssl-libs", "libcrypto3", "openssl", debian = "libssl" },
}

--- The line for a Lua module that is not there; nil if it is.
---@param name "cjson"|"argparse"
---@return string|nil
function needs.module(name)
  local ok, message = pcall(require, name)
  if ok then return nil end
  local packages = MODULES[name]
  local version = _VERSION:match "%d+%.%d+"
  if not tostring(message):find("module '" .. name .. "' not found", 1, true) then
    return ('graphsocket: the Lua module "%s" cannot be loaded: %s'):format(name,
      (tostring(message):gsub("%s+", " ")))
  end
  return ('graphsocket: the Lua module "%s" is missing: install %s, or run '
    .. "luarocks --lua-version=%s install %s"):format(name,
      table.concat(packages, ", "), version, packages.rock)
end

--- The line for a library that the dynamic linker has not found.
---@param message string what it says
---@return string|nil
function needs.library(message)
  local file, name, version = message:match "(lib(%l+)%.so%.?([%d.]*)): cannot open shared object"
  local packages = LIBRARIES[name]
  if not packages then return nil end
  return ("graphsocket: %s is missing: install %s%s (Debian), %s (Fedora), "
    .. "%s (Alpine) or %s (Homebrew)"):format(file, packages.debian or "lib" .. name,
      version:match "^%d*", packages[1], packages[2], packages[3])
end

return needs
