-- Signs in as a person on another device: the script shows a code, the person
-- enters it on a page of Microsoft's, and the tokens are kept for the next time.
--
--   scripts/example device_code_login     against the simulator, where somebody signs in at once
--   GRAPH_CLIENT_ID=... lua5.4 examples/device_code_login.lua tokens.json     against Microsoft
--
-- GRAPH_CLIENT_ID is the id of an app registration that allows public client
-- flows and has the delegated permission Files.Read; GRAPH_TENANT is its tenant,
-- "common" if it is for all. Who has tokens.json is the person: it has mode 0600,
-- and is refused if others may read it. Without a file each run asks anew.

local graphsocket = require "graphsocket"

local login = graphsocket.auth.device_code {
  client_id = assert(os.getenv "GRAPH_CLIENT_ID", "set GRAPH_CLIENT_ID"),
  tenant = os.getenv "GRAPH_TENANT",
  authority = os.getenv "GRAPH_AUTHORITY",
  scopes = "Files.Read",
  cache = arg[1],
  prompt = function(info) print(info.message) end,
}

local client = graphsocket.new {
  token = login,
  base_url = os.getenv "GRAPH_BASE_URL",
  ca_file = os.getenv "GRAPH_CA_FILE",
}

-- The first request signs in; every later one, for months, uses or renews what
-- is kept. A subscription or a watch is given the same client.
local endpoint, err = client:endpoint "/me/drive/root"
if not endpoint then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
print("signed in", endpoint)
