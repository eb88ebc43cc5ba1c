local cursor = require "graphsocket.cursor"
local delivery = require "graphsocket.delivery"
local emitter = require "graphsocket.socketio.emitter"
local fake_http = require "spec.fake_http"
local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local resource = require "graphsocket.resource"
local scope = require "graphsocket.scope"

local GRAPH = "https://graph.example/v1.0"
local FEED = GRAPH .. "/drives/d/root/delta"

local Thing = {}
emitter.extend(Thing, emitter.methods)

describe("graphsocket.delivery", function()
  local log, told, pages, one, opened, thing, cancel
  local on_error = loop.on_error

  -- The feed: what stands behind each token; "" is the beginning.
  local function answer(request)
    local page = pages[request.url:match "token=(.*)$" or ""]
    if page.status then
      return { status = page.status, body = json.encode { error = { code = page.code } } }
    end
    return { body = json.encode {
      value = json.array(page.items or {}),
      ["@odata." .. (page.next and "nextLink" or "deltaLink")] =
        FEED .. "?token=" .. (page.next or page.last),
    } }
  end

  before_each(function()
    loop.on_error = function() end -- handlers that raise are told there too
    log, told, thing = {}, {}, emitter.init(setmetatable({}, { __index = Thing }))
    local what, the_scope = resource.parse "/drives/d/root", scope.new()
    function cancel() the_scope:cancel() end
    opened = assert(cursor.open(helper.scratch "state", { host = GRAPH, resource = what.path }))
    fake_http.start(answer)
    one = delivery.new {
      client = graphsocket.new { token = "secret", base_url = GRAPH }, what = what,
      cursor = opened, from = "beginning", scope = the_scope, emitter = thing,
      on_error = function(err) told[#told + 1] = err end,
    }
    for _, event in ipairs { "change", "commit", "sync", "resync" } do
      thing:on(event, function(value, context)
        local name = type(value) == "table" and value.id or value
        log[#log + 1] = event .. " " .. (event == "change" and name .. " " .. context.kind
          or event == "resync" and name or value.items)
      end)
    end
  end)
  after_each(function()
    loop.on_error = on_error
    fake_http.stop()
    opened:close()
  end)

  -- A round; its summary, or nil and why not.
  local function run()
    local summary, err
    fake_http.in_virtual_time(function()
      summary, err = one:run()
      if summary then one:tell_sync(summary) end
    end)
    return summary, err
  end

  local function item(id, fields)
    local all = { id = id, parentReference = { driveId = "d" } }
    for name, value in pairs(fields or {}) do all[name] = value end
    return all
  end

  it("hands out page by page, then commits, stores the place, and says so", function()
    pages = { [""] = { items = { item "1" }, next = "a" }, a = { items = { item "2" }, last = "b" } }
    local place_at_commit = "none was looked at"
    thing:on("commit", function() place_at_commit = opened.place end)
    local stored_at_sync
    thing:on("sync", function() stored_at_sync = opened.place.link end)
    local summary = run()
    assert.same({ "change 1 created", "change 2 created", "commit 2", "sync 2" }, log)
    assert.is_nil(place_at_commit)
    assert.equal(FEED .. "?token=b", stored_at_sync)
    assert.equal(2, summary.pages)
    assert.equal(1, one.rounds)
    assert.equal(2, one.items)
    assert.equal("number", type(one.sync_at))
  end)

  it("tells what was created, updated, deleted since the last round", function()
    pages = { [""] = { items = {}, last = "a" } }
    run()
    local before, after = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    pages = { a = { last = "b", items = {
      item("new", { createdDateTime = after, lastModifiedDateTime = "2999-01-02T00:00:00Z" }),
      item("untouched", { createdDateTime = before, lastModifiedDateTime = before }),
      item("old", { createdDateTime = before, lastModifiedDateTime = after }),
      item("gone", { deleted = { state = "deleted" } }),
    } } }
    local summary = run()
    assert.same({ "sync 0", "change new created", "change untouched created", "change old updated",
      "change gone deleted", "commit 4", "sync 4" }, log)
    assert.same({ 2, 1, 1 }, { summary.created, summary.updated, summary.deleted })
  end)

  it("has item.deleted only for what is gone", function()
    pages = { [""] = { last = "a", items = {
      item("there", { deleted = json.null }), item("gone", { deleted = { state = "deleted" } }),
    } } }
    local deleted = {}
    thing:on("change", function(change) deleted[change.id] = change.deleted end)
    run()
    assert.same({ gone = { state = "deleted" } }, deleted)
  end)

  it("that a handler fails leaves the place, and begins again", function()
    pages = { [""] = { items = { item "1", item "2" }, last = "a" } }
    local fails = true
    thing:on("change", function(changed)
      if fails and changed.id == "2" then error "no disk" end
    end)
    local summary, err = run()
    assert.is_nil(summary)
    assert.equal("handlerRaised", err.code)
    assert.is_true(err.retryable)
    assert.matches('a handler of "change" raised an error: .*no disk', err.message)
    assert.is_nil(opened.place)
    assert.equal(0, one.rounds)
    fails = false
    run()
    assert.same({ "change 1 created", "change 2 created", "change 1 created",
      "change 2 created", "commit 2", "sync 2" }, log)
  end)

  it("whose commit fails leaves the place too", function()
    pages = { [""] = { items = { item "1" }, last = "a" } }
    thing:on("commit", function() error "no database" end)
    local _, err = run()
    assert.equal("handlerRaised", err.code)
    assert.is_nil(opened.place)
  end)

  it("says sync again until its handlers return: the place is stored already", function()
    pages = { [""] = { items = {}, last = "a" } }
    local calls = 0
    thing:on("sync", function()
      calls = calls + 1
      if calls < 3 then error "later" end
    end)
    assert.truthy(run())
    assert.equal(3, calls)
    assert.equal(2, #told)
    assert.equal(FEED .. "?token=a", opened.place.link)
    assert.equal(1, one.rounds)
  end)

  it("calls no handler after the one in which it was cancelled", function()
    pages = { [""] = { items = { item "1", item "2" }, last = "a" } }
    thing:on("change", cancel)
    local summary, err = run()
    assert.is_nil(summary)
    assert.is_nil(err)
    assert.same({ "change 1 created" }, log)
    assert.is_nil(opened.place)
  end)

  it("starts over when the feed does, and tells why first", function()
    pages = { [""] = { items = {}, last = "a" } }
    run()
    pages = {
      a = { status = 410, code = "resyncChangesApplyDifferences" },
      [""] = { items = { item "1" }, last = "b" },
    }
    local summary = run()
    assert.equal("resyncChangesApplyDifferences", summary.resync)
    assert.same({ "sync 0", "resync resyncChangesApplyDifferences", "change 1 updated", "commit 1",
      "sync 1" }, log)
    assert.equal(1, one.resyncs)
  end)
end)
