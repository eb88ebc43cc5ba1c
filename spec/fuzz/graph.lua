--- What the fuzz target "graph" asserts of the service's answers.
--
-- An input is a byte that says what it is, and texts with "\30" between them,
-- which no JSON holds. Asserted: nothing raises; what cannot be used is an
-- error object of one line, in which no link's query is; what can be used is
-- what its contract says; the token's host is never left; a feed ends.

local command = require "graphsocket.auth.command"
local date = require "graphsocket.date"
local delta = require "graphsocket.delta"
local endpoint = require "graphsocket.endpoint"
local errors = require "graphsocket.errors"
local grammar = require "spec.fuzz.grammar"
local graphsocket = require "graphsocket"
local json = require "graphsocket.json"
local login = require "graphsocket.auth.login"
local notification = require "graphsocket.notification"
local request = require "graphsocket.request"
local resource = require "graphsocket.resource"
local response = require "graphsocket.response"
local url = require "graphsocket.socketio.url"

local graph = {}

local BASE = "https://graph.example/v1.0"
local WHAT = assert(resource.parse "/me/drive/root")

local client = graphsocket.new { token = "secret-token", base_url = BASE }

local function check_error(err, kinds)
  assert(errors.is(err), "an error object")
  assert(kinds[err.kind], err.kind)
  local text = tostring(err)
  assert(not text:find "%c", "it is one line")
  assert(#text < 4000, "it is short")
  return text
end

-- Any other query may stand in an error by chance, which a fuzzer helps.
local function check_secret(text, link)
  local query = type(link) == "string" and link:match "%?(.*)$"
  if query and query:find "secret" then
    assert(not text:find(query, 1, true), "no query in an error")
  end
end

local function is_time(value)
  return value == nil or type(value) == "number" and value == value and math.abs(value) < 1e12
end

-- The kinds of inputs ---------------------------------------------------------

local function run_endpoint(texts)
  local answer, err = request.decoded({ status = 200, headers = {}, body = texts[1] }, "POST /me")
  if not answer then return check_error(err, { protocol = true }) end
  local link = answer.json.notificationUrl
  local made
  made, err = endpoint.new(client, WHAT, answer, nil)
  if not made then return check_secret(check_error(err, { protocol = true }), link) end
  assert(made.id == nil or type(made.id) == "string")
  assert(is_time(made.expires_at))
  check_secret(tostring(made), link)
  assert(not tostring(made):find "%c")
  -- What Graph gives can be opened: a mistake in it is no mistake of the script.
  assert(url.parse(made.notification_url))
end

-- A client whose requests are answered by |texts|, one after the other.
local function answering(texts)
  local at = 0
  local fake = setmetatable({}, { __index = client })
  function fake._request(_, req)
    local parts = req.url and client:_own_url(req.url)
    assert(not req.url or parts, "the token goes to the Graph host")
    at = at + 1
    local body = texts[at] or "{}"
    if body:sub(1, 1) == "!" then
      local refusal = { status = 400 + (body:byte(2) or 0) % 16, headers = {}, body = body:sub(3) }
      return nil, response.error(refusal, "GET /delta", 0), refusal
    end
    return request.decoded({ status = 200, headers = {}, body = body }, "GET /delta")
  end
  function fake._find_my_drive() end
  return fake
end

local function run_delta(texts, kind)
  local feed = delta.new(answering(texts), WHAT, { from = kind >= 128 and "now" or "beginning" })
  for _ = 1, #texts + 1 do
    local items, err = feed:next()
    if not items then
      local text = check_error(err, { protocol = true, graph = true, http = true, auth = true })
      for _, body in ipairs(texts) do
        for link in body:gmatch '"@odata%.%a+Link":"([^"\\]*)"' do check_secret(text, link) end
      end
      return
    end
    for _, item in ipairs(items) do assert(type(item) == "table") end
    if feed.cursor then return assert(client:_own_url(feed.cursor)) end
  end
  error("the feed does not end")
end

local function run_error(texts, kind)
  local headers = response.headers(texts[1])
  local answer = { status = 400 + kind, headers = headers, body = texts[2] }
  local err = response.error(answer, "GET /me", 1767225600)
  check_error(err, { graph = true, http = true, auth = true })
  assert(err.code == nil or type(err.code) == "string")
  assert(err.retry_after == nil or err.retry_after >= 0 and err.retry_after < math.huge)
  local claims = response.claims(headers)
  assert(claims == nil or type(claims) == "string")
  assert(is_time(date.from_http(headers.date)))
end

local function run_notification(texts)
  local data = json.decode(texts[1])
  if data == nil then data = texts[1] end
  local list = notification.read(data)
  assert(#list >= 1)
  for _, entry in ipairs(list) do
    assert(entry.raw ~= nil and is_time(entry.expires_at))
    for name, value in pairs(entry) do
      assert(name == "raw" or name == "expires_at" or type(value) == "string")
    end
  end
end

local function check_life(seconds)
  assert(type(seconds) == "number" and seconds == seconds and math.abs(seconds) < math.huge)
end

local function run_token(texts)
  local token, life = command.parse(texts[1])
  if token then
    assert(type(token) == "string")
    check_life(life)
  else
    assert(type(life) == "string" and not life:find "%c")
  end
  local body = json.decode(texts[1])
  if type(body) ~= "table" then return end
  local tokens, err = login.tokens(body, "signing in")
  if not tokens then return check_error(err, { auth = true }) end
  check_life(tokens.expires_in)
end

-- The id that "/me/drive" is found to have.
local function run_drive(texts)
  local body = json.decode(texts[1])
  if type(body) ~= "table" then return end
  local found, message = resource.parse { drive = body.id }
  assert(found or type(message) == "string")
  assert(not found or not found.path:find "[%s%c?#]" and not found.path:find("..", 1, true))
end

local RUNS = { run_endpoint, run_delta, run_error, run_notification, run_token, run_drive }

--- Judges an input; raises if what is made of it is not as it should be.
---@param input string
function graph.run(input)
  local kind = input:byte() or 0
  local texts = {}
  for text in (input:sub(2) .. "\30"):gmatch "([^\30]*)\30" do texts[#texts + 1] = text end
  RUNS[kind % #RUNS + 1](texts, kind)
end

-- Inputs ----------------------------------------------------------------------

local LINKS = {
  '"https://graph.example/v1.0/me/drive/root/delta?token=secret-1234"',
  '"https://graph.example/v1.0/me/drive/root/delta?token=secret-5678"',
  '"https://graph.example/v1.0/me/drive/root/delta(token=\'secret-abc\')"',
  '"https://graph.example/v1.0/me/drive/root/delta?$deltatoken=latest&a=b"',
  '"https://graph.example/v1.0/me/drive/root/delta?token=latest"',
  '"https://other.example/delta?token=secret-1234"', '"http://graph.example/v1.0/delta?token=secret-1"',
  '"https://user:pass@graph.example/delta?token=secret-12"', '"//graph.example?token=secret-123"', '"?token=x"',
  '"https://push.example/notifications?token=secret-1&applicationId=secret-2"',
  '"wss://push.example:8443/?sig=secret-sig"', '"https://push.example/a,b?token=secret-12"',
  '"https://127.0.0.1:9/n?token=secret-123"', '"https://[::1]/n?token=secret-123"',
  '"https://push.example/%2f?secret=%zz"',
}

local STRINGS = { '"id"', '"updated"', '"driveItem"', '"resyncRequired"', '"notSupported"', '"SyncStateNotFound"' }
for _, link in ipairs(LINKS) do STRINGS[#STRINGS + 1] = link end

local OPTIONS = { strings = STRINGS, keys = { "id", "code", "message", "innerError", "value", "eTag" } }

local function list_of(generate)
  return function(chance)
    local parts = {}
    for i = 1, chance:upto(4) - 1 do parts[i] = generate(chance) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
end

local function object_of(members)
  return function(chance) return grammar.members(chance, members, OPTIONS) end
end

local ITEM = object_of { { "id", { '"1"', '"2"', '"3"' } }, { "eTag", { '"e"' } }, { "deleted", { "{}" } } }

local PAGE = object_of { { "value", list_of(ITEM) }, { "@odata.nextLink", LINKS } }
local LAST_PAGE = object_of { { "value", list_of(ITEM) }, { "@odata.deltaLink", LINKS } }

local INNER = object_of { { "code", STRINGS }, { "innererror" }, { "innerError" } }
local ERROR = object_of {
  { "error", object_of { { "code", STRINGS }, { "message", STRINGS }, { "innerError", INNER } } },
}

local ENTRY = object_of {
  { "subscriptionId" }, { "resource" }, { "expirationDateTime" }, { "subscriptionExpirationDateTime" },
  { "clientState" }, { "tenantId" }, { "siteUrl" }, { "webId" }, { "userId" },
}

local HEADERS = {
  "Retry-After: 120", "Retry-After: 1e9", "Retry-After: " .. ("9"):rep(400),
  "Retry-After: Sat, 31 Jan 2026 23:59:59 GMT",
  "Date: Sunday, 06-Nov-94 08:49:37 GMT", "Date: Sun Nov  6 08:49:37 1994", "request-id: a\tb", "x", ": y",
  'WWW-Authenticate: Bearer claims="eyJhIjoxfQ=="', 'WWW-Authenticate: Bearer claims="{"',
}

local GENERATORS = {
  object_of {
    { "id", STRINGS }, { "notificationUrl", LINKS }, { "expirationDateTime" }, { "resource" },
  },
  function(chance)
    local pages = {}
    for i = 1, chance:upto(4) - 1 do pages[i] = PAGE(chance) end
    pages[#pages + 1] = chance:once_in(3) and "!" .. chance:one_of { "0", ":" } .. ERROR(chance) or LAST_PAGE(chance)
    return table.concat(pages, "\30")
  end,
  function(chance)
    local lines = {}
    for i = 1, chance:upto(4) do lines[i] = chance:one_of(HEADERS) end
    return table.concat(lines, "\r\n") .. "\30" .. ERROR(chance)
  end,
  function(chance)
    return chance:once_in(3) and ENTRY(chance) or grammar.members(chance, { { "value", list_of(ENTRY) } }, OPTIONS)
  end,
  object_of {
    { "accessToken" }, { "access_token" }, { "token" }, { "expires_in" }, { "expires_on" }, { "expiresOn" },
    { "token_expiry" }, { "refresh_token" }, { "credential", object_of { { "access_token" }, { "token_expiry" } } },
  },
  object_of { { "id" } },
}

--- Writes an answer anew, once in three times, or puts one text of it into
--- another's place.
---@param input string
---@param max integer
---@param seed integer
---@return string|nil
function graph.mutate(input, max, seed)
  local chance = grammar.chance(seed)
  if not chance:once_in(3) then return nil end
  local kind = input:byte() or 0
  local changed = string.char(kind) .. GENERATORS[kind % #GENERATORS + 1](chance)
  return #changed <= max and changed or nil
end

return graph
