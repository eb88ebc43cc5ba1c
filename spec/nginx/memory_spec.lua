local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local memory = require "graphsocket.nginx.memory"

describe("a dict of one worker", function()
  helper.in_frozen_time()

  local dict
  before_each(function() dict = memory.new(loop.now) end)

  it("gives back what was set, and nil for what was not", function()
    assert.is_true(dict:safe_set("key", "value"))
    assert.equal("value", dict:get "key")
    assert.is_nil(dict:get "other")
  end)

  it("forgets an entry when its time is over", function()
    dict:safe_set("key", "value", 10)
    helper.advance(9)
    assert.equal("value", dict:get "key")
    assert.is_true(dict:ttl "key" <= 1)
    helper.advance(2)
    assert.is_nil(dict:get "key")
    assert.is_nil(dict:ttl "key")
  end)

  it("adds only what is not there, or not any more", function()
    assert.is_true(dict:safe_add("key", 1, 10))
    local ok, err = dict:safe_add("key", 2)
    assert.is_false(ok)
    assert.equal("exists", err)
    helper.advance(11)
    assert.is_true(dict:safe_add("key", 2))
    assert.equal(2, dict:get "key")
  end)

  it("counts", function()
    assert.is_nil(dict:incr("key", 1))
    assert.equal(1, dict:incr("key", 1, 0))
    assert.equal(4, dict:incr("key", 3, 0))
  end)

  it("lengthens a life, but not that of the dead", function()
    dict:safe_set("key", "value", 10)
    helper.advance(9)
    assert.is_true(dict:expire("key", 10))
    helper.advance(9)
    assert.equal("value", dict:get "key")
    helper.advance(2)
    assert.is_nil((dict:expire("key", 10)))
  end)

  it("deletes", function()
    dict:safe_set("key", "value")
    dict:delete "key"
    dict:delete "key"
    assert.is_nil(dict:get "key")
  end)
end)
