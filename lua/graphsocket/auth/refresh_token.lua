--- Tokens by a refresh token that was got elsewhere.

local cache = require "graphsocket.auth.cache"
local login = require "graphsocket.auth.login"
local options = require "graphsocket.options"
local source = require "graphsocket.auth.source"

local refresh_token = {}

---@class graphsocket.auth.refresh_token.options : graphsocket.auth.login.options
---@field refresh_token string
---@field client_secret? string of an application that has one

--- The options of auth.refresh_token.
refresh_token.options = options.merge(login.options, {
  refresh_token = {
    type = "string", check = login.check_text,
    required = "give the refresh token",
  },
  client_secret = { type = "string", check = login.check_text },
})

--- Makes a source; see auth.refresh_token.
---@param values table
---@return table
function refresh_token.new(values)
  local given = values.refresh_token
  local fetch = cache.through(values, function(ask, spare)
    local tokens, err = login.refresh(values, ask, spare or given)
    if not tokens and err.code == "invalid_grant" and spare
      and spare ~= given then
      -- The script may have been given a new one since the other was kept.
      tokens, err = login.refresh(values, ask, given)
    end
    return tokens, err
  end)
  return source.new { name = "the refresh token", fetch = fetch }
end

return refresh_token
