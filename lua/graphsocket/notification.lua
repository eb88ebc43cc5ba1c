--- What the service says, in one form.
--
-- Two shapes were seen on the service: A, `{"value": [{…}, …]}` with an entry
-- for each subscription, and B, one flat object with keys of its own. Either
-- comes as an object or as JSON text, which is decoded once more. Whatever is
-- of no known shape is a notification too: it says that something changed, and
-- is handed on as it came.
-- Pure: no clock, no I/O; never raises, and never gives an empty list.

local date = require "graphsocket.date"
local json = require "graphsocket.json"

---@class graphsocket.notification
---@field subscription_id string|nil
---@field resource string|nil the list's id
---@field expires_at number|nil epoch seconds, of the subscription
---@field client_state string|nil
---@field tenant_id string|nil shape A
---@field site_url string|nil shape A
---@field web_id string|nil shape A
---@field user_id string|nil shape B
---@field raw any the entry as it was sent; all there is if it is of no known
---  shape

local notification = {}

local TEXTS = {
  subscription_id = "subscriptionId",
  resource = "resource",
  client_state = "clientState",
  tenant_id = "tenantId",
  site_url = "siteUrl",
  web_id = "webId",
  user_id = "userId",
}

local function read_entry(entry)
  local found = { raw = entry }
  if type(entry) ~= "table" then return found end
  for name, key in pairs(TEXTS) do
    if type(entry[key]) == "string" then found[name] = entry[key] end
  end
  found.expires_at = date.from_iso(entry.expirationDateTime)
    or date.from_iso(entry.subscriptionExpirationDateTime)
  return found
end

--- Reads the argument of a "notification" event.
---@param data any as the socket gave it
---@return graphsocket.notification[] at least one
function notification.read(data)
  local body = data
  if type(data) == "string" then body = json.decode(data) end
  if type(body) ~= "table" then return { { raw = data } } end
  local entries = body.value
  if type(entries) ~= "table" then return { read_entry(body) } end
  -- An object in the place of the list, or an empty list, which has no entry
  -- but is an event all the same.
  if #entries == 0 then
    return { read_entry(next(entries) ~= nil and entries or body) }
  end
  local list = {}
  for i = 1, #entries do list[i] = read_entry(entries[i]) end
  return list
end

return notification
