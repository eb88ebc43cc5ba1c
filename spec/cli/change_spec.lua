local change = require "graphsocket.cli.change"

local function record(item, context)
  return change.record(item, context or { kind = "created", round = 1 }, "/me/drive/root")
end

-- As delta feeds give it: the path of the parent, with the drive before it.
local function below(path, fields)
  local item = { id = "1", parentReference = { path = "/drives/d/root:" .. path } }
  for name, given in pairs(fields) do item[name] = given end
  return item
end

describe("a change", function()
  it("has the path of its item, where the feed gives one", function()
    assert.equal("/a.txt", change.path(below("", { name = "a.txt" })))
    assert.equal("/Documents/a.txt", change.path(below("/Documents", { name = "a.txt" })))
    assert.equal("/", change.path { name = "root", root = {} })
    assert.is_nil(change.path { id = "gone", deleted = {} })
    assert.is_nil(change.path { name = "a.txt", parentReference = { driveId = "d" } })
  end)

  it("is a line for people: where it is, else its name, else its id", function()
    assert.equal("/Documents/", change.label(record(below("", { name = "Documents", folder = {} }))))
    assert.equal("/", change.label(record { name = "root", root = {}, folder = {} }))
    assert.equal("a.txt", change.label(record { id = "1", name = "a.txt" }))
    assert.equal("1", change.label(record { id = "1" }))
    assert.equal("/\\x1b[2J", change.label(record(below("", { name = "\27[2J" }))))
  end)

  it("is an environment for commands, which lacks no variable", function()
    assert.same({
      GRAPHSOCKET_KIND = "deleted", GRAPHSOCKET_ID = "1", GRAPHSOCKET_NAME = "",
      GRAPHSOCKET_PATH = "", GRAPHSOCKET_FOLDER = "", GRAPHSOCKET_DRIVE_ID = "d",
      GRAPHSOCKET_RESOURCE = "/me/drive/root", GRAPHSOCKET_ROUND = "2",
    }, change.environment(record({ id = "1" }, { kind = "deleted", drive_id = "d", round = 2 })))
  end)

  it("is the same one while its item is in the same state", function()
    local function key(...) return change.key(record(...)) end
    assert.equal(key { id = "1", eTag = "a,1" }, key({ id = "1", eTag = "a,1" }, { kind = "created", round = 7 }))
    assert.not_equal(key { id = "1", eTag = "a,1" }, key { id = "1", eTag = "a,2" })
    assert.not_equal(key { id = "1", eTag = "a,1" }, key { id = "2", eTag = "a,1" })
    assert.not_equal(key { id = "1" }, key({ id = "1" }, { kind = "deleted", round = 1 }))
  end)
end)
