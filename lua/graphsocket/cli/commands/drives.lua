--- graphsocket drives: what the token may watch.

local convert = require "graphsocket.cli.convert"
local core = require "graphsocket.core"
local graph = require "graphsocket.cli.graph"
local text = require "graphsocket.cli.text"

local drives = {
  name = "drives",
  summary = "Show what may be watched.",
  description = "Lists your drives, those that are shared with you, and with "
    .. "--site the libraries of SharePoint sites; each with the resource to "
    .. "give to the other commands.",
  examples = {
    "graphsocket drives",
    "graphsocket drives --site simulated",
  },
}

--- Pages of one list that are followed, against a chain without an end.
local MAX_PAGES = 1000

function drives.arguments(command)
  command:option("--site", "Search sites by a word, and show their libraries; "
    .. "'*' for all."):argname "WORD":convert(convert.line)
  command:flag("--no-shared", "Leave out what is shared with you.")
    :target "no_shared"
  command:option("--timeout", "Give up after so many seconds, with code 124.")
    :argname "SECONDS":convert(convert.seconds)
  graph.options(command)
end

-- Calls fn(entry) for each entry of a list, page by page. Returns true, or nil
-- and an error.
local function each(client, path, fn)
  local request = { path = path }
  for _ = 1, MAX_PAGES do
    local answer, err = client:_request(request)
    if not answer then return nil, err end
    local list = answer.json.value
    for _, entry in ipairs(type(list) == "table" and list or {}) do
      if type(entry) == "table" then fn(entry) end
    end
    local link = answer.json["@odata.nextLink"]
    if type(link) ~= "string" or link == request.url then return true end
    -- The client refuses a link that leads to another server.
    request = { url = link }
  end
  return true
end

local function string_or(value, other)
  return type(value) == "string" and value or other
end

-- Tells of a drive, unless it was told of before.
local function tell(self, origin, id, name, kind, site)
  if type(id) ~= "string" or self.told[id] then return end
  self.told[id] = true
  local resource = ("/drives/%s/root"):format(
    (core.url_escape(id):gsub("%%21", "!")))
  self.session.out:record("drive", {
    origin = origin, id = id, name = name, driveType = kind, site = site,
    resource = resource,
  })
  self.rows[#self.rows + 1] = {
    origin, text.safe(kind or "-"), text.cut(text.safe(name or "-"), 30),
    text.safe(resource),
  }
end

local function tell_mine(self)
  return each(self.client, "/me/drives?$select=id,name,driveType",
    function(drive)
      tell(self, "mine", drive.id, string_or(drive.name),
        string_or(drive.driveType))
    end)
end

local function tell_shared(self)
  return each(self.client, "/me/drive/sharedWithMe", function(item)
    local remote = type(item.remoteItem) == "table" and item.remoteItem or {}
    local parent = type(remote.parentReference) == "table"
      and remote.parentReference or {}
    tell(self, "shared", parent.driveId, string_or(item.name),
      string_or(parent.driveType))
  end)
end

local function tell_site(self, site)
  local name = string_or(site.displayName, string_or(site.name))
  return each(self.client, ("/sites/%s/drives?$select=id,name,driveType")
    :format((core.url_escape(site.id):gsub("%%2C", ","))), function(drive)
      local title = string_or(drive.name, "?")
      tell(self, "site", drive.id, name and name .. ": " .. title or title,
        string_or(drive.driveType), name)
    end)
end

local function tell_sites(self, word)
  local sites = {}
  local ok, err = each(self.client, "/sites?search=" .. core.url_escape(word),
    function(site)
      if type(site.id) == "string" then sites[#sites + 1] = site end
    end)
  if not ok then return nil, err end
  for _, site in ipairs(sites) do
    ok, err = tell_site(self, site)
    -- One site may be closed to this user, and the others not.
    if not ok then self.session.out:warn(err) end
  end
  if #sites == 0 then
    self.session.out:news(("no site is found by '%s'"):format(word))
  end
  return true
end

function drives.run(session)
  local client, err = graph.client(session)
  if not client then return session:fail(err) end
  local values = session.values
  local self = { session = session, client = client, told = {}, rows = {} }
  local ok
  if values.site then
    ok, err = tell_sites(self, values.site)
  else
    ok, err = tell_mine(self)
    if ok and not values.no_shared then
      local found, problem = tell_shared(self)
      -- Microsoft takes this list back bit by bit; one's own drives stay.
      if not found then session.out:warn(problem) end
    end
  end
  if not ok then return session:fail(err) end
  session.out:table(self.rows, { "dim", nil, "bold" },
    { "ORIGIN", "TYPE", "NAME", "RESOURCE" })
end

return drives
