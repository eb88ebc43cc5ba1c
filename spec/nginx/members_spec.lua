local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local members = require "graphsocket.nginx.members"
local memory = require "graphsocket.nginx.memory"

describe("the members", function()
  helper.in_frozen_time()

  local dict, rung, dead

  local function outsider(id, pid)
    return members.new(dict, {
      id = id, pid = pid, ttl = 15,
      ring = function(path)
        rung[#rung + 1] = path
        return path ~= dead
      end,
    })
  end

  local function member(id, pid)
    local new = outsider(id, pid)
    new:join("/bell/" .. pid)
    return new
  end

  local function ring(from)
    rung = {}
    from:ring()
    table.sort(rung)
    return table.concat(rung, " ")
  end

  before_each(function() dict, rung, dead = memory.new(loop.now), {}, nil end)

  it("are all rung for but the one that rings", function()
    local one = member(0, 100)
    member(1, 101)
    member(2, 102)
    assert.equal("/bell/101 /bell/102", ring(one))
  end)

  it("are rung for by one that has no place itself", function()
    member(1, 101)
    assert.equal("/bell/101", ring(outsider(0, 100)))
  end)

  it("are forgotten when they do not confirm their place", function()
    local one, two = member(0, 100), member(1, 101)
    helper.advance(10)
    one:confirm()
    helper.advance(10)
    assert.equal("", ring(one))
    assert.equal("/bell/100", ring(two))
    two:confirm()
    assert.equal("/bell/101", ring(one))
  end)

  it("take the place of the worker that they replace", function()
    local one, old = member(0, 100), member(1, 101)
    local new = member(1, 201)
    old:confirm()
    assert.equal("/bell/201", ring(one))
    old:leave()
    assert.equal("/bell/201", ring(one))
    assert.equal("/bell/100 /bell/201", ring(old))
    new:leave()
    assert.equal("", ring(one))
  end)

  it("are not rung for any more once they are dead", function()
    local one = member(0, 100)
    member(1, 101)
    dead = "/bell/101"
    assert.equal("/bell/101", ring(one))
    assert.equal("", ring(one))
  end)

  it("ring once for the worker that they replace: what a killed one left goes", function()
    member(1, 101)
    rung, dead = {}, "/bell/101"
    member(1, 201)
    assert.same({ "/bell/101" }, rung)
    assert.equal("/bell/201", ring(outsider(0, 100)))
  end)

  it("say how far they have read", function()
    local one, two = member(0, 100), member(1, 101)
    member(2, 102)
    one:note(5)
    two:note(7)
    assert.same({ [0] = 5, [1] = 7 }, one:positions())
    helper.advance(10)
    one:confirm()
    two:confirm()
    helper.advance(10)
    assert.same({ [0] = 5, [1] = 7 }, one:positions())
    two:leave()
    assert.same({ [0] = 5 }, one:positions())
  end)
end)
