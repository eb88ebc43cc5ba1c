require "spec.helper"
local errors = require "graphsocket.errors"
local json = require "graphsocket.json"
local portable = require "graphsocket.nginx.portable"

local SECRET = "a-secret-that-authorises"

describe("what goes into the dict", function()
  it("of a drive item is all but what downloads it", function()
    local item = {
      id = "1", name = "report.docx", size = 5, deleted = { state = "deleted" },
      webUrl = "https://contoso.sharepoint.com/_layouts/15/Doc.aspx?sourcedoc=1",
      ["@microsoft.graph.downloadUrl"] = "https://h/d?tempauth=" .. SECRET,
      thumbnails = { { large = { url = "https://h/t?tempauth=" .. SECRET } } },
    }
    assert.same({
      id = "1", name = "report.docx", size = 5, deleted = { state = "deleted" },
      webUrl = "https://contoso.sharepoint.com/_layouts/15/Doc.aspx?sourcedoc=1",
      thumbnails = { { large = { url = "https://h/t" } } },
    }, portable.copy(item))
    assert.truthy(item["@microsoft.graph.downloadUrl"])
  end)

  it("of an endpoint is not its URL", function()
    local plain = portable.copy {
      id = "e", resource = "/me/drive/root", expires_at = 5, _host = "h",
      notification_url = "https://h/callback?token=" .. SECRET,
      raw = { notificationUrl = "https://h/callback?token=" .. SECRET },
      open = function() end,
    }
    assert.same({ id = "e", resource = "/me/drive/root", expires_at = 5 }, plain)
  end)

  it("of an error is its kind, its message and what else is plain", function()
    local err = errors.new {
      kind = "graph", message = "no", status = 403, code = "accessDenied",
      cause = { deep = print },
    }
    local expected = {
      kind = "graph", message = "no", status = 403, code = "accessDenied",
      retryable = false,
    }
    assert.same(expected, portable.error(err))
    assert.same({ err = expected, delay = 1 }, portable.copy { err = err, delay = 1 })
    assert.is_nil(getmetatable(portable.error(err)))
  end)

  it("of text is the text, but for the query and the fragment of a URL", function()
    assert.equal("https://h/p", portable.copy("https://h/p?token=" .. SECRET))
    assert.equal("wss://h/p", portable.copy("wss://h/p#token=" .. SECRET))
    assert.equal("why? #1", portable.copy "why? #1")
  end)

  it("keeps nulls, empty lists and what is no table", function()
    local plain = portable.copy { json.null, json.array(), 5, true }
    assert.equal('[null,[],5,true]', json.encode(plain))
    assert.is_nil(portable.copy(nil))
    assert.equal(false, portable.copy(false))
  end)

  it("is something that JSON can say, whatever it was", function()
    local plain = portable.copy {
      delay = 1 / 3, never = 0 / 0, huge = math.huge, ["and"] = print, [print] = 1,
      text = "caf\233", at = 1795315747.2438684, whole = 12,
    }
    assert.same({ delay = 1 / 3, text = "caf?", at = 1795315747.2438684,
      whole = 12 }, plain)
    assert.is_string(json.encode(plain))
    assert.is_nil(portable.copy(print))
  end)

  it("of a table that contains itself ends", function()
    local parent, child = { name = "parent" }, { name = "child" }
    parent.first, parent.last, parent.self = child, child, parent
    child.parent, child.root, child.next = parent, parent, child
    assert.same({ name = "parent", first = { name = "child" }, last = { name = "child" } },
      portable.copy(parent))
  end)
end)
