-- The Lua files of examples/openresty, in a real nginx with dicts that are too
-- small, and names that nobody would give. The whole example, with its page, is
-- looked at by spec/browser.

local cjson = require "cjson"
local lfs = require "lfs"
local nginx = require "spec.nginx"

describe("in examples/openresty", function()
  local missing = nginx.missing()
  if missing then
    pending(missing)
    return
  end

  local server
  after_each(function() server:stop() end)

  -- Runs Lua in a request; what it returns comes back.
  local function run(code, allow)
    server = nginx.start {
      allow = { allow };
      http = [[
        lua_shared_dict feed 64k;
        lua_shared_dict names 64k;
        lua_shared_dict versions 12k;
      ]];
      init = ("package.path = %q .. package.path"):format(lfs.currentdir() .. "/examples/openresty/?.lua;")
        .. [[ require("live.feed").begin() require("live.versions").begin() ]];
      locations = {
        ["/run"] = ("local function run() %s end ngx.print(require('cjson').encode(run()))"):format(code);
      };
    }
    local body, status = server:get "/run"
    assert.equal(200, status, server:log())
    return cjson.decode(body)
  end

  describe("a version", function()
    it("never comes back, however small the dict is", function()
      local found = run [[
        local versions = require "live.versions"
        local seen, all, again = {}, 0, 0
        for i = 1, 3000 do
          local id = "item" .. i % 700
          versions.raise(id)
          local key = id .. " " .. versions.of(id)
          again = again + (seen[key] and 1 or 0)
          seen[key], all = true, all + 1
        end
        return { all = all, again = again, raised = versions.count() }
      ]]
      assert.equal(3000, found.all)
      assert.equal(0, found.again)
      assert.is_true(found.raised > 3000, "the dict was never full")
    end)

    it("changes for one item only, until all are given up", function()
      local found = run [[
        local versions = require "live.versions"
        local a, b = versions.of "a", versions.of "b"
        versions.raise "a"
        local raised = { a = versions.of "a" ~= a, b = versions.of "b" ~= b }
        b = versions.of "b"
        versions.raise_all()
        raised.all = versions.of "b" ~= b
        return raised
      ]]
      assert.same({ a = true, b = false, all = true }, found)
    end)
  end)

  describe("the feed", function()
    it("keeps the last entries, and tells who has missed some", function()
      local found = run [[
        local feed = require "live.feed"
        for i = 1, 250 do feed.append("change", { n = i }) end
        local numbers, id, event, json = {}
        local number = 0
        repeat
          number, id, event, json = feed.next(number)
          numbers[#numbers + 1] = json and require("cjson").decode(json).n
        until not number
        local birth = ngx.shared.feed:get "birth"
        local function missed(text) return select(2, feed.find(text)) end
        return {
          count = #numbers, first = numbers[1], last = numbers[#numbers],
          seen_it_all = missed(birth .. "-250"), seen_enough = missed(birth .. "-50"),
          seen_less = missed(birth .. "-49"), other = missed "1-250",
          new = missed(nil), nonsense = missed "x",
        }
      ]]
      assert.same({
        count = 200, first = 51, last = 250, seen_it_all = false, seen_enough = false,
        seen_less = true, other = true, new = false, nonsense = false,
      }, found)
    end)

    it("goes on with fewer entries when they do not fit", function()
      local found = run [[
        local feed = require "live.feed"
        for i = 1, 100 do feed.append("change", { n = i, name = ("\1"):rep(i % 7 * 200) }) end
        local number, count, last, id, event, json = 0, 0
        repeat
          last = json
          number, id, event, json = feed.next(number)
          count = count + 1
        until not number
        return { count = count - 1, last = require("cjson").decode(last).n }
      ]]
      assert.equal(100, found.last)
      assert.is_true(found.count > 2 and found.count < 100)
    end)
  end)

  it("an entry has what the item tells, and no more than fits", function()
    local found = run [[
      local entry = require "live.entry"
      local null = require("cjson").null
      local long = entry.new({ id = "l", name = ("é"):rep(900) }, "created").name
      return {
        root = entry.new({ id = "r", name = "root", root = {} }, "updated") == nil,
        long = { #long, long:sub(-5) },
        odd = entry.new({ id = "o", name = null, parentReference = null, lastModifiedBy = null }, "updated"),
        by = entry.new({ id = "b", lastModifiedBy = { application = { displayName = "Sync" } } }, "created").by,
        folder = entry.new({ id = "f", parentReference = { path = "/drives/1/root:/A%20b/50%25" } }, "created").folder,
        top = entry.new({ id = "t", name = "n", folder = {}, parentReference = { path = "/drive/root:" } }, "created"),
        gone = entry.new({ id = "t", deleted = {} }, "deleted"),
        unknown = entry.new({ id = "u", deleted = {} }, "deleted"),
      }
    ]]
    assert.is_true(found.root)
    assert.same({ 1022 + #"…", "é…" }, found.long)
    assert.equal("o", found.odd.item)
    assert.equal("Sync", found.by)
    assert.equal("/A b/50%", found.folder)
    assert.equal("/", found.top.folder)
    assert.equal("n", found.gone.name)
    assert.is_true(found.gone.is_folder)
    assert.is_nil(found.unknown.name)
  end)

  it("numbers are told to Prometheus as its format wants them", function()
    local found = run [[
      local inf = math.huge
      return { require("live.prometheus").format {
        { name = "a_total", type = "counter", help = 'back\\slash\nand line', samples = {
          { value = 1.5, labels = { z = 'quote " \\ \n', a = 1 } }, { value = 1795316251.7906 },
        } },
        { name = "b", type = "gauge", help = "b", samples = {
          { value = true }, { value = -inf }, { value = 0 / 0 }, { value = 1e21 },
        } },
        { name = "nothing", type = "gauge", help = "none", samples = { {} } },
      } }
    ]]
    assert.equal(table.concat({
      [[# HELP a_total back\\slash\nand line]],
      "# TYPE a_total counter",
      [[a_total{a="1",z="quote \" \\ \n"} 1.5]],
      "a_total 1795316251.7906",
      "# HELP b b",
      "# TYPE b gauge",
      "b 1", "b -Inf", "b NaN", "b 1e+21",
      "",
    }, "\n"), found[1])
  end)

  it("an entry too large for the dict is a warning, and nothing worse", function()
    local found = run([[
      local feed = require "live.feed"
      feed.append("change", { name = ("x"):rep(100000) })
      feed.append("change", { name = "y" })
      return { (select(4, feed.next(0))) }
    ]], "an entry is not kept: no memory")
    assert.equal('{"name":"y"}', found[1])
    assert.matches("an entry is not kept", server:log())
  end)
end)
