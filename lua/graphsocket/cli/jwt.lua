--- What a token says of itself, where it is a JSON Web Token: for advice alone.
--- Nothing is verified here; that is the service's business. Graph's tokens for
--- personal accounts are opaque.
-- Pure.

local base64 = require "graphsocket.base64"
local json = require "graphsocket.json"

local jwt = {}

--- The claims of a token.
---@param token string
---@return table|nil nil if it is no JSON Web Token
function jwt.claims(token)
  local payload = token:match("^eyJ[%w_-]*%.([%w_-]+)%.[%w_-]*$")
  local text = payload and base64.decode(payload)
  local claims = text and json.decode(text)
  return type(claims) == "table" and claims or nil
end

--- What is wrong with a token for this service, as far as it says so.
---@param claims table
---@param now number epoch seconds
---@return string|nil message
function jwt.fault(claims, now)
  local ends_at = tonumber(claims.exp)
  if ends_at and ends_at <= now then return "the token has expired" end
  if claims.roles and not claims.scp then
    return "the token is an application's own: the service wants a signed-in "
      .. "user's"
  end
end

return jwt
