local emitter = require "graphsocket.socketio.emitter"
local errors = require "graphsocket.errors"
local helper = require "spec.helper"
local json = require "graphsocket.json"
local loop = require "graphsocket.loop"
local share = require "graphsocket.nginx.share"

local Source = {}
Source.__index = Source
emitter.extend(Source, emitter.methods)
function Source:close() self.closed = (self.closed or 0) + 1 end
function Source.stats() return { state = "joined", url = "https://h/p?token=x" } end

describe("a share", function()
  helper.in_frozen_time()

  local published, noted, warned, changed, own, source

  before_each(function()
    published, noted, warned, changed = {}, {}, {}, 0
    own = share.new {
      publish = function(text)
        published[#published + 1] = text
        return true
      end,
      note_error = function(err) noted[#noted + 1] = err end,
      warn = function(text) warned[#warned + 1] = text end,
      changed = function() changed = changed + 1 end,
    }
    source = emitter.init(setmetatable({}, Source))
  end)

  it("publishes what JSON can say, called as a function or by its name", function()
    assert.is_true(own("change", { id = "1" }, nil, 5, nil))
    assert.is_true(own:publish "bare")
    assert.same({ '["change",{"id":"1"},null,5,null]', '["bare"]' }, published)
  end)

  it("publishes error objects as tables", function()
    own("error", errors.new { kind = "network", message = "no route" })
    assert.same({ "error", { kind = "network", message = "no route", retryable = true } },
      json.decode(published[1]))
  end)

  it("raises for what it cannot publish", function()
    assert.error_matches(function() own("x", print) end, "the arguments of x.*function")
    assert.error_matches(function() own(5) end, "give the name of the event, got number")
    assert.same({}, published)
  end)

  it("passes on what a source tells, without its secrets", function()
    own:forward(source)
    source:_call("change", {
      id = "1", ["@microsoft.graph.downloadUrl"] = "https://h/?tempauth=secret",
    }, { kind = "created" })
    source:_call("renew", {
      id = "e", notification_url = "https://h/n?token=secret",
    })
    source:_call("unknown", 5)
    assert.same({ '["change",{"id":"1"},{"kind":"created"}]', '["renew",{"id":"e"}]' },
      published)
  end)

  it("tells the log of what cannot be passed on, and does not raise in the source", function()
    own:forward(source)
    local reported
    loop.on_error = function(err) reported = err end
    source:_call("change", { 1, name = "a list and an object" })
    loop.on_error = nil
    assert.is_nil(reported)
    assert.truthy(warned[1]:find "neither a list nor an object")
    assert.equal(1, #noted)
  end)

  it("passes on only the events that are asked for", function()
    own:forward(source, { "sync" })
    source:_call("change", 1)
    source:_call("sync", "connect")
    assert.same({ '["sync","connect"]' }, published)
  end)

  it("tells the log of a source's errors, which the source now does not", function()
    own:forward(source, { "sync" })
    source:_call("error", errors.new { kind = "graph", message = "403", status = 403 })
    assert.equal(1, #noted)
    assert.truthy(warned[1]:find("graph: 403", 1, true))
  end)

  it("closes its sources when the ownership ends, and publishes nothing more", function()
    own:forward(source)
    own:_close()
    assert.equal(1, source.closed)
    source:_call("state", "closed")
    local ok, err = own("late")
    assert.is_nil(ok)
    assert.equal("notOwner", err.code)
    assert.is_false(own:is_active())
    assert.same({}, published)
    local late = own:forward(emitter.init(setmetatable({}, Source)))
    assert.equal(1, late.closed)
  end)

  it("lets no source that raises stand in the way of the others", function()
    local sources = {}
    for i = 1, 3 do
      sources[i] = own:forward(emitter.init(setmetatable({ state = i }, Source)))
      sources[i].stats = function(self) return { state = self.state } end
    end
    sources[2].stats = function() error "stats raised" end
    sources[2].close = function() error "close raised" end
    local reported = {}
    loop.on_error = function(err) reported[#reported + 1] = err:match "%a+ raised" end
    finally(function() loop.on_error = nil end)
    assert.same({ { state = 1 }, {}, { state = 3 } }, own:_stats())
    own:_close()
    assert.equal(1, sources[1].closed)
    assert.equal(1, sources[3].closed)
    assert.same({ "stats raised", "close raised" }, reported)
  end)

  it("says that stats() of a source has changed, and gives it without secrets", function()
    own:forward(source)
    source:_call("state", "joined")
    assert.equal(1, changed)
    assert.same({ { state = "joined", url = "https://h/p" } }, own:_stats())
  end)

  it("takes any object with on and close, and says what is wrong with another", function()
    local seen = helper.expect(function(event) assert.is_string(event) end, 2 + 2)
    own:forward({ on = function(_, event) seen(event) end, close = function() end },
      { "a", "b" })
    assert.same({ {} }, own:_stats())
    assert.error_matches(function() own:forward(5) end, "methods on and close.*got number")
    assert.error_matches(function() own:forward {} end, "got table")
    for _, events in ipairs { { 5 }, "change", 5, { change = true } } do
      assert.error_matches(function() own:forward(source, events) end,
        "bad argument #2 to 'forward': give a list of names of events")
    end
  end)
end)
