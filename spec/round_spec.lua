local fake_http = require "spec.fake_http"
local graphsocket = require "graphsocket"
local json = require "graphsocket.json"
local resource = require "graphsocket.resource"
local round = require "graphsocket.round"
local scope = require "graphsocket.scope"

local GRAPH = "https://graph.example/v1.0"
local FEED = GRAPH .. "/drives/d/root/delta"

describe("graphsocket.round", function()
  local client

  before_each(function()
    client = graphsocket.new { token = "secret", base_url = GRAPH }
  end)
  after_each(fake_http.stop)

  -- A feed by its links: each names an item and what follows it. A "!" is a
  -- status and a code.
  local function service(pages)
    return fake_http.start(function(request)
      local link = request.url:sub(#FEED + 1):gsub("^%?token=", "")
      local found = pages[link] or error("asked for " .. link)
      if type(found) == "function" then found = found() end
      if found.status then
        return { status = found.status, headers = found.headers,
          body = json.encode { error = { code = found.code } } }
      end
      local kind = found.last and "deltaLink" or "nextLink"
      return { body = json.encode {
        value = json.array { { id = tostring(found.item) } },
        ["@odata." .. kind] = FEED .. "?token=" .. (found.last or found.next),
      } }
    end)
  end

  -- Runs a round. Returns a table: ids, error, place, told, links asked for.
  local function run(pages, opts)
    opts = opts or {}
    local seen = service(pages)
    local told = {}
    local result = { ids = {}, told = told, asked = {} }
    local passed = fake_http.in_virtual_time(function()
      local function place(token) return token and FEED .. "?token=" .. token end
      local current = round.new(client, resource.parse "/drives/d/root", {
        place = opts.link and { link = place(opts.link), proven = place(opts.proven) },
        from = opts.from or "beginning",
        scope = opts.scope or scope.new(),
        restarts = opts.restarts or 0,
        on_error = function(err) told[#told + 1] = tostring(err.status or err.kind) end,
        on_resync = opts.on_resync or function(reason)
          told[#told + 1] = reason
          return true
        end,
      })
      repeat
        local items, err = current:next()
        if not items then
          result.err = err
          break
        end
        for _, item in ipairs(items) do result.ids[#result.ids + 1] = item.id end
      until current.place
      result.place, result.resync = current.place, current.resync
    end)
    for i, request in ipairs(seen) do
      result.asked[i] = request.url:sub(#FEED + 1):gsub("^%?token=", "")
    end
    result.passed = passed
    result.ids, result.told = table.concat(result.ids, " "), table.concat(told, " ")
    result.asked = table.concat(result.asked, " ")
    return result
  end

  local function gone(code, to)
    return { status = 410, code = code,
      headers = to and { Location = FEED .. "?token=" .. to } }
  end
  local bad = { status = 400, code = "invalidRequest" }

  it("goes on from its place, which then has proved itself", function()
    local result = run({ a = { item = 1, next = "b" }, b = { item = 2, last = "c" } },
      { link = "a" })
    assert.equal("1 2", result.ids)
    assert.equal(FEED .. "?token=c", result.place.link)
    assert.equal(FEED .. "?token=a", result.place.proven)
    assert.equal("number", type(result.place.synced_at))
    assert.equal("", result.told)
  end)

  it("begins where it is told to if there is no place", function()
    local result = run { [""] = { item = 1, last = "b" } }
    assert.equal("1", result.ids)
    assert.is_nil(result.place.proven)
    result = run({ latest = { item = 1, last = "b" } }, { from = "now" })
    assert.equal("", result.ids)
    assert.equal(FEED .. "?token=b", result.place.link)
  end)

  describe("whose place is forgotten starts the feed over", function()
    for _, code in ipairs {
      "resyncRequired", "resyncChangesApplyDifferences",
      "resyncChangesUploadDifferences", "SyncStateNotFound",
    } do
      it(("(%s) where the Location leads"):format(code), function()
        local result = run({
          a = gone(code, "fresh"), fresh = { item = 1, next = "b" },
          b = { item = 2, last = "c" },
        }, { link = "a", proven = "z" })
        assert.equal("1 2", result.ids)
        assert.equal(code, result.told)
        assert.equal(code, result.resync)
        assert.equal("a fresh b", result.asked)
        assert.is_nil(result.place.proven)
      end)
    end

    for name, location in pairs {
      ["without a Location"] = false,
      ["with a Location to another host"] = "https://evil.example/?token=fresh",
      ["with a Location that is no URL"] = "fresh",
      ["with a Location that is no place"] = FEED,
    } do
      it("plainly " .. name, function()
        local answer = gone "resyncRequired"
        answer.headers = location and { Location = location } or nil
        local result = run({ a = answer, [""] = { item = 1, last = "c" } }, { link = "a" })
        assert.equal("1", result.ids)
        assert.equal("a ", result.asked)
      end)
    end

    for name, answer in pairs {
      ["500"] = { status = 500, code = "generalException" },
      ["400"] = bad, ["403"] = { status = 403, code = "accessDenied" },
      ["410"] = gone("resyncRequired", "fresh"),
    } do
      it(("plainly if its Location gives %s"):format(name), function()
        local result = run({
          a = gone("resyncRequired", "fresh"), fresh = answer,
          [""] = { item = 1, last = "c" },
        }, { link = "a" })
        assert.equal("1", result.ids)
        assert.equal("a fresh ", result.asked)
        assert.equal("resyncRequired " .. name, result.told)
      end)
    end

    it("also in the middle", function()
      local result = run({
        a = { item = 1, next = "b" }, b = gone "resyncRequired",
        [""] = { item = 2, last = "c" },
      }, { link = "a" })
      assert.equal("1 2", result.ids)
      assert.equal("resyncRequired", result.told)
    end)

    it("once in a round", function()
      local result = run({
        a = gone "resyncRequired", [""] = { item = 1, next = "b" },
        b = gone "resyncRequired",
      }, { link = "a" })
      assert.equal("resyncRequired", result.told)
      assert.equal(410, result.err.status)
      assert.is_true(result.err.retryable)
      assert.is_nil(result.place)
      assert.equal("a  b", result.asked)
    end)

    it("not if it was at the start already", function()
      local result = run { [""] = gone "resyncRequired" }
      assert.equal("", result.told)
      assert.equal(410, result.err.status)
      assert.equal("", result.asked)
    end)

    it("not before who was told has agreed", function()
      local result = run({ a = gone "resyncRequired" },
        { link = "a", on_resync = function() return nil, { message = "no" } end })
      assert.equal("no", result.err.message)
      assert.equal("a", result.asked)
    end)

    it("at once the first time, and later each time the round before did so", function()
      local pages = { a = gone "resyncRequired", [""] = { item = 1, last = "b" } }
      assert.is_true(run(pages, { link = "a" }).passed < 0.5)
      local passed = run(pages, { link = "a", restarts = 1 }).passed
      assert.is_true(passed >= 0.5 and passed <= 2.5, passed)
      assert.is_true(run(pages, { link = "a", restarts = 20 }).passed >= 30)
    end)
  end)

  describe("whose place is refused (400)", function()
    it("goes back to the link that had worked", function()
      local result = run({ b = bad, a = { item = 1, last = "c" } },
        { link = "b", proven = "a" })
      assert.equal("1", result.ids)
      assert.equal("400", result.told)
      assert.is_nil(result.resync)
      assert.equal(FEED .. "?token=c", result.place.link)
      assert.equal(FEED .. "?token=a", result.place.proven)
    end)

    for name, opts in pairs {
      ["if none had"] = { link = "b" },
      ["if that is refused too"] = { link = "b", proven = "a" },
      ["if it is that link"] = { link = "b", proven = "b" },
    } do
      it("starts over " .. name, function()
        local result = run({ a = bad, b = bad, [""] = { item = 1, last = "c" } }, opts)
        assert.equal("1", result.ids)
        assert.equal("invalidRequest", result.resync)
        assert.matches("400 invalidRequest$", result.told)
      end)
    end

    it("in the middle ends with an error that may pass", function()
      local result = run({ a = { item = 1, next = "b" }, b = bad }, { link = "a" })
      assert.equal("1", result.ids)
      assert.equal(400, result.err.status)
      assert.is_true(result.err.retryable)
      assert.equal("a b", result.asked)
    end)

    it("is final where nothing but the start was asked for", function()
      local result = run { [""] = bad }
      assert.is_false(result.err.retryable)
    end)
  end)

  describe("whose page fails", function()
    local function failing(times, answer)
      local count = 0
      return function()
        count = count + 1
        if count <= times then return answer end
        return { item = 2, last = "c" }
      end
    end
    local busy = { status = 500, code = "generalException" }

    it("in the middle asks for it again, and then goes on", function()
      local result = run({ a = { item = 1, next = "b" }, b = failing(3, busy) },
        { link = "a" })
      assert.equal("1 2", result.ids)
      assert.equal("500 500 500", result.told)
      assert.equal("a b b b b", result.asked)
    end)

    it("waits as long as the server asks", function()
      local answer = { status = 503, code = "x", headers = { ["Retry-After"] = 120 } }
      local result = run({ a = { item = 1, next = "b" }, b = failing(1, answer) },
        { link = "a" })
      assert.equal("1 2", result.ids)
      assert.is_true(result.passed >= 120 and result.passed < 125, result.passed)
    end)

    it("gives up after some attempts", function()
      local result = run({ a = { item = 1, next = "b" }, b = failing(99, busy) },
        { link = "a" })
      assert.equal(500, result.err.status)
      assert.equal("a" .. (" b"):rep(round.PAGE_ATTEMPTS), result.asked)
      assert.is_nil(result.place)
    end)

    it("gives each page its attempts", function()
      local pages = { a = { item = 1, next = "b1" }, b9 = { item = 2, last = "c" } }
      for i = 1, 8 do
        local first = true
        pages["b" .. i] = function()
          if first then
            first = false
            return busy
          end
          return { item = i, next = "b" .. i + 1 }
        end
      end
      local result = run(pages, { link = "a" })
      assert.is_nil(result.err)
      assert.equal("1 1 2 3 4 5 6 7 8 2", result.ids)
    end)

    it("at the beginning leaves it to the next round", function()
      local result = run({ a = failing(1, busy) }, { link = "a" })
      assert.equal(500, result.err.status)
      assert.equal("a", result.asked)
    end)

    it("for good (403, 404) gives up at once", function()
      for _, status in ipairs { 403, 404 } do
        local result = run({
          a = { item = 1, next = "b" }, b = { status = status, code = "x" },
        }, { link = "a" })
        assert.equal(status, result.err.status)
        assert.equal("a b", result.asked)
      end
    end)

    it("as its chain leads in circles gives up at once", function()
      local result = run({ a = { item = 1, next = "a" } }, { link = "a" })
      assert.equal("1", result.ids)
      assert.equal("protocol", result.err.kind)
      assert.equal("a", result.asked)
    end)
  end)

  it("ends at once when it is cancelled, also in a wait", function()
    for _, pages in ipairs {
      { a = { item = 1, next = "b" }, b = { status = 500, code = "x" } },
      { a = gone "resyncRequired", [""] = { item = 1, last = "c" } },
    } do
      local the_scope = scope.new()
      graphsocket.spawn(function()
        graphsocket.sleep(0.2)
        the_scope:cancel()
      end)
      local result = run(pages, { link = "a", scope = the_scope, restarts = 9 })
      assert.is_nil(result.place)
      assert.is_true(result.passed < 2)
    end
  end)
end)
