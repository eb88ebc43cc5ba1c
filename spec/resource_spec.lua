local resource = require "graphsocket.resource"

local SITE = "contoso.sharepoint.com,2C712604-1370-44E7-A1F5-426573FDA80A,"
  .. "2D2244C3-251A-49EA-93A8-39E1C3A060FE"
local DRIVE = "b!-RIj2DuyvEyV1T4NlOaMHk8XkS_I8MdFlUCq1BlcjgmhRfAj3-Z8RY2VpuvV"

local FORMS = {
  { "/me/drive/root", { me = true }, "/me/drive/root/delta" },
  { "/drives/" .. DRIVE .. "/root", { drive = DRIVE },
    "/drives/" .. DRIVE .. "/root/delta" },
  { "/drives/d1/list", { drive = "d1", list = true },
    "/drives/d1/list/items/delta" },
  { "/lists/l1", { list = "l1" }, "/lists/l1/items/delta" },
  { "/groups/g1/drive/root", { group = "g1" }, "/groups/g1/drive/root/delta" },
  { "/sites/" .. SITE .. "/lists/l1/drive/root", { site = SITE, list = "l1" },
    "/sites/" .. SITE .. "/lists/l1/drive/root/delta" },
  { "/sites/" .. SITE .. "/lists/l1", nil,
    "/sites/" .. SITE .. "/lists/l1/items/delta" },
}

describe("graphsocket.resource", function()
  for _, form in ipairs(FORMS) do
    local path, as_table, delta = form[1], form[2], form[3]

    it("takes " .. path:gsub(SITE, "{site}"):gsub(DRIVE, "{drive}")
      .. " in every spelling", function()
      for _, given in ipairs {
        path, path:sub(2), path .. "/subscriptions/socketIo",
        path:sub(2) .. "/subscriptions/socketIo", as_table,
      } do
        local parsed = assert(resource.parse(given))
        assert.equal(path, parsed.path)
        assert.equal(path .. "/subscriptions/socketIo",
          parsed.subscription_path)
        assert.equal(delta, parsed.delta_path)
      end
    end)
  end

  it("knows the signed-in user's drive and the feeds of list items", function()
    assert.is_true(resource.parse("me/drive/root").is_me)
    assert.is_false(resource.parse { drive = "me" }.is_me)
    assert.is_true(resource.parse("lists/x").is_list)
    assert.is_false(resource.parse("drives/x/root").is_list)
  end)

  it("escapes what has a meaning in a URL or to OData", function()
    assert.equal("/drives/a%20b%25%27%28%24%3A/root",
      resource.parse { drive = "a b%'($:" }.path)
    assert.equal("/drives/%C3%A9/root", resource.parse { drive = "é" }.path)
  end)

  it("does not escape twice what was pasted from a URL", function()
    assert.equal("/sites/c.sharepoint.com,1,2/lists/a%20b",
      resource.parse("/sites/c.sharepoint.com%2C1%2C2/lists/a%20b").path)
  end)

  it("refuses an id that would ask for something else", function()
    for id, why in pairs {
      ["a/b"] = 'must not contain "/"', ["a?b"] = 'must not contain "?"',
      ["a#b"] = 'must not contain "#"', ["a\\b"] = 'must not contain "\\"',
      [".."] = 'must not contain ".."', ["a..b"] = 'must not contain ".."',
      ["."] = 'must not be "."', [""] = "must not be empty",
      ["a\nb"] = "control characters", ["a\0b"] = "control characters",
    } do
      local parsed, message = resource.parse { drive = id }
      assert.is_nil(parsed)
      assert.matches("the drive id " .. why:gsub("^control",
        "must not contain control"), message, 1, true)
    end
    local _, first = resource.parse { site = "a/b", list = "c?d" }
    assert.matches("the site id", first, 1, true)
    _, first = resource.parse { drive = "d", list = "l" }
    assert.matches("list must be true in { drive, list }", first, 1, true)
    for _, id in ipairs { 5, true, {} } do
      local _, message = resource.parse { list = id }
      assert.matches("the list id must be a string", message, 1, true)
    end
  end)

  it("sees through the escapes of a path", function()
    for _, path in ipairs {
      "/drives/%2e%2e/root", "/drives/a%2Fb/root", "/drives/a%3Fb/root",
      "/drives/a%0Ab/root", "/drives//root",
    } do
      assert.is_nil(resource.parse(path), path)
    end
  end)

  it("names the forms when it knows none that fits", function()
    for _, given in ipairs {
      "", "/", "/me", "/me/drive", "/me/drive/root/children", "/drives/x",
      "https://graph.microsoft.com/v1.0/me/drive/root", "/me/drive/root/",
      "/users/u/drive/root", "/sites/s/drive/root", "//me/drive/root",
      "/me/drive/root?$select=id", "/me/drive/root#a",
      {}, { me = false }, { site = "s" }, { drive = "d", list = "l" },
      { me = true, drive = "d" }, { drives = "d" }, { "me" }, 5, true,
    } do
      local parsed, message = resource.parse(given)
      assert.is_nil(parsed)
      assert.matches('use "/me/drive/root", "/drives/{id}/root"', message,
        1, true)
      assert.matches("{ site = id, list = id }", message, 1, true)
      assert.is_nil(message:find("\n", 1, true))
    end
  end)

  it("raises at the line of the caller", function()
    local function endpoint(given) resource.check("client:endpoint", given) end
    local ok, message = pcall(function() endpoint("/nowhere") end)
    assert.is_false(ok)
    assert.matches("resource_spec%.lua:%d+: client:endpoint: unknown", message)
  end)
end)
