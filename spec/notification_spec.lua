local json = require "graphsocket.json"
local notification = require "graphsocket.notification"

local ENTRY = {
  subscriptionId = "s1", clientState = "system-managed:1",
  expirationDateTime = "2026-01-02T03:04:05.6780000Z", resource = "list-1",
  tenantId = "t1", siteUrl = "https://contoso.sharepoint.com/sites/a",
  webId = "w1",
}
local FLAT = {
  subscriptionId = "s2", clientState = "c2", userId = "u2", resource = "r2",
  subscriptionExpirationDateTime = "2026-01-02T03:04:05Z",
}

describe("graphsocket.notification", function()
  for how, shape in pairs { object = function(v) return v end, text = json.encode } do
    it("reads the entries of shape A from an " .. how, function()
      local other = { subscriptionId = "s9" }
      local list = notification.read(shape { value = { ENTRY, other } })
      assert.same({
        {
          subscription_id = "s1", resource = "list-1", expires_at = 1767323045.678,
          client_state = "system-managed:1", tenant_id = "t1",
          site_url = "https://contoso.sharepoint.com/sites/a", web_id = "w1",
          raw = ENTRY,
        },
        { subscription_id = "s9", raw = other },
      }, list)
    end)

    it("reads shape B from an " .. how, function()
      assert.same({ {
        subscription_id = "s2", resource = "r2", expires_at = 1767323045,
        client_state = "c2", user_id = "u2", raw = FLAT,
      } }, notification.read(shape(FLAT)))
    end)
  end

  it("hands on what it does not understand, as one notification", function()
    for _, data in ipairs {
      "", "ping", "{", '"text"', "5", "null", "[1,2]", 5, true, "{}",
      "\255\254", json.null,
    } do
      local list = notification.read(data)
      assert.equal(1, #list)
      local names = {}
      for name in pairs(list[1]) do names[#names + 1] = name end
      assert.same({ "raw" }, names)
    end
    assert.same({ { raw = "{" } }, notification.read "{")
    assert.same({ {} }, notification.read(nil))
  end)

  it("keeps unknown fields in raw", function()
    local list = notification.read '{"new":{"a":1},"subscriptionId":"s"}'
    assert.same({ { subscription_id = "s",
      raw = { new = { a = 1 }, subscriptionId = "s" } } }, list)
  end)

  it("takes an empty or a strange list of entries as one event", function()
    assert.equal(1, #notification.read '{"value":[]}')
    assert.same({ { subscription_id = "s", raw = { subscriptionId = "s" } } },
      notification.read '{"value":{"subscriptionId":"s"}}')
    assert.same({ { raw = "a" }, { raw = 5 } },
      notification.read '{"value":["a",5]}')
  end)

  it("leaves out fields of a wrong type", function()
    assert.same({ { resource = "r", raw = {
      subscriptionId = 5, resource = "r", tenantId = json.null,
      expirationDateTime = "soon", clientState = {},
    } } }, notification.read {
      subscriptionId = 5, resource = "r", tenantId = json.null,
      expirationDateTime = "soon", clientState = {},
    })
  end)
end)
