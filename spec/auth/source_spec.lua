local auth = require "graphsocket.auth"
local graphsocket = require "graphsocket"
local helper = require "spec.helper"
local login = require "spec.login"
local loop = require "graphsocket.loop"
local scope = require "graphsocket.scope"
local source = require "graphsocket.auth.source"

describe("a token source", function()
  helper.in_frozen_time()

  local calls, gate

  local function counting(life)
    calls = 0
    return source.new {
      name = "the source", timeout = 60,
      fetch = function()
        calls = calls + 1
        local n = calls
        if gate then gate:await() end
        return "t" .. n, life
      end,
    }
  end

  before_each(function() gate = nil end)

  it("runs one fetch however many ask", function()
    gate = loop.future()
    local from, got = counting(3600), {}
    for _ = 1, 50 do
      loop.spawn(function()
        local token = login.ask(from)
        got[#got + 1] = token
      end)
    end
    helper.advance(0)
    gate:resolve()
    helper.advance(0)
    assert.equal(1, calls)
    assert.equal(50, #got)
    for _, token in ipairs(got) do assert.equal("t1", token) end
  end)

  it("keeps a token until five minutes before its end", function()
    local from = counting(3600)
    assert.equal("t1", login.ask(from))
    helper.advance(3299)
    assert.equal("t1", login.ask(from))
    helper.advance(2)
    assert.equal("t2", login.ask(from))
  end)

  it("keeps a short-lived one for nine tenths of its life", function()
    local from = counting(60)
    assert.equal("t1", login.ask(from))
    helper.advance(53)
    assert.equal("t1", login.ask(from))
    helper.advance(2)
    assert.equal("t2", login.ask(from))
  end)

  it("asks each time for one that says nothing of its life", function()
    local from = counting()
    assert.equal("t1", login.ask(from))
    assert.equal("t2", login.ask(from))
  end)

  it("gets another for one that was login.refused, once for all who were", function()
    local from = counting(3600)
    assert.equal("t1", login.ask(from))
    local got = {}
    for _ = 1, 10 do
      loop.spawn(function()
        local token = login.ask(from, { rejected = "t1" })
        got[#got + 1] = token
      end)
    end
    helper.advance(0)
    assert.equal("t2", login.ask(from, { rejected = "t1" }))
    assert.equal(2, calls)
    assert.equal(10, #got)
    for _, token in ipairs(got) do assert.equal("t2", token) end
  end)

  it("gets one token for a claims challenge, however late its refusals come", function()
    local from = counting(3600)
    assert.equal("t1", login.ask(from))
    local refusal = { rejected = "t1", claims = '{"access_token":{}}' }
    assert.equal("t2", login.ask(from, refusal))
    assert.equal("t2", login.ask(from, refusal))
    refusal.claims = "{}"
    assert.equal("t3", login.ask(from, refusal))
    refusal.rejected = "t3"
    assert.equal("t4", login.ask(from, refusal))
    assert.equal(4, calls)
  end)

  it("forces a fetch when the one under way brought the login.refused token again",
    function()
      local forced = {}
      local from = source.new {
        name = "the source",
        fetch = function(given)
          forced[#forced + 1] = given.force
          if #forced == 1 then gate:await() end
          return given.force and "new" or "old", 3600
        end,
      }
      gate = loop.future()
      local got
      loop.spawn(function() login.ask(from) end)
      loop.spawn(function() got = login.ask(from, { rejected = "old" }) end)
      helper.advance(0)
      gate:resolve()
      helper.advance(0)
      assert.equal("new", got)
      assert.same({ false, true }, forced)
    end)

  it("does not take the answer to another question for that to a challenge",
    function()
      local challenges = {}
      local from = source.new {
        name = "the source",
        fetch = function(given)
          challenges[#challenges + 1] = given.claims or "none"
          if #challenges == 1 then gate:await() end
          return "t" .. #challenges, 3600
        end,
      }
      gate = loop.future()
      local got
      loop.spawn(function() login.ask(from) end)
      loop.spawn(function()
        got = login.ask(from, { rejected = "t0", claims = "{}" })
      end)
      helper.advance(0)
      gate:resolve()
      helper.advance(0)
      assert.equal("t2", got)
      assert.same({ "none", "{}" }, challenges)
    end)

  it("gives up on a fetch that hangs, and ignores what it brings later",
    function()
      gate = loop.future()
      local from, err = counting(3600), nil
      loop.spawn(function() err = select(2, login.ask(from)) end)
      helper.advance(0)
      helper.advance(59)
      assert.is_nil(err)
      helper.advance(2)
      assert.equal("timeout", err.kind)
      assert.is_true(err.retryable)
      local late
      late, gate = gate, nil
      assert.equal("t2", login.ask(from))
      late:resolve()
      helper.advance(0)
      assert.equal("t2", login.ask(from))
    end)

  it("lets one asker go without the others, and stops for the last", function()
    local stopped
    gate = loop.future()
    local from = source.new {
      name = "the source",
      fetch = function(given)
        given.scope:on_cancel(function() stopped = true end)
        gate:await()
        return "t", 3600
      end,
    }
    local scopes, results = { scope.new(), scope.new() }, {}
    for i = 1, 2 do
      loop.spawn(function()
        local token, err = login.ask(from, { scope = scopes[i] })
        results[i] = token or err.kind
      end)
    end
    helper.advance(0)
    scopes[1]:cancel()
    helper.advance(0)
    assert.same({ "closed" }, results)
    assert.is_nil(stopped)
    scopes[2]:cancel()
    helper.advance(0)
    assert.same({ "closed", "closed" }, results)
    assert.is_true(stopped)
    gate:resolve()
    helper.advance(0)
  end)

  it("can be called like a token function", function()
    local from = counting(3600)
    local token, life = from()
    assert.equal("t1", token)
    assert.is_true(life > 3200 and life <= 3300)
    assert.equal("t2", (from(true)))
    assert.equal("t2", (from:token()))
  end)

  it("prints without its token, also when all its fields are printed", function()
    local fixed = auth.static("s3cr3t")
    assert.equal("s3cr3t", login.ask(fixed))
    assert.equal("graphsocket.auth source (the token)", tostring(fixed))
    local function search(value, seen)
      if value == "s3cr3t" then return true end
      if type(value) ~= "table" or seen[value] then return false end
      seen[value] = true
      for k, v in pairs(value) do
        if search(k, seen) or search(v, seen) then return true end
      end
      return false
    end
    local client = graphsocket.new { token = "s3cr3t" }
    assert.is_false(search(fixed, {}))
    assert.is_false(search(client, {}))
  end)
end)
