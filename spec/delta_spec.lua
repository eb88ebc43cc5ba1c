local delta = require "graphsocket.delta"
local fake_http = require "spec.fake_http"
local graphsocket = require "graphsocket"
local json = require "graphsocket.json"
local resource = require "graphsocket.resource"
local scope = require "graphsocket.scope"

local GRAPH = "https://graph.example/v1.0"
local FEED = GRAPH .. "/drives/d/root/delta"
local DRIVE = resource.parse "/drives/d/root"

describe("graphsocket.delta", function()
  local client

  before_each(function()
    client = graphsocket.new { token = "secret", base_url = GRAPH }
  end)
  after_each(fake_http.stop)

  -- A page as the service writes it.
  local function page(items, link, kind)
    local list = {}
    for i, item in ipairs(items) do
      list[i] = type(item) == "table" and item or { id = item, eTag = "1" }
    end
    return { body = json.encode {
      value = json.array(list), ["@odata." .. (kind or "deltaLink")] = link,
    } }
  end

  local function next_page(items, link) return page(items, link, "nextLink") end

  -- Goes through a feed whose n-th answer is answers[n] (the last one for all
  -- after it), or answers(request, n). Returns the ids of each page, the feed,
  -- and the error that ended it, with what it means.
  local function enumerate(answers, opts)
    opts = opts or {}
    opts.scope = scope.new()
    local feed = delta.new(client, opts.what or DRIVE, opts)
    local seen = fake_http.start(type(answers) == "function" and answers
      or function(_, n) return answers[math.min(n, #answers)] end)
    local pages, err, refusal = {}, nil, nil
    graphsocket.run(function()
      repeat
        local items
        items, err, refusal = feed:next()
        if not items then return end
        local ids = {}
        for i, item in ipairs(items) do ids[i] = item.id or item.name end
        pages[#pages + 1] = table.concat(ids, " ")
      until feed.cursor
    end)
    return pages, feed, err, refusal, seen
  end

  describe("goes through a feed", function()
    it("from the beginning, page by page", function()
      local pages, feed, err, _, seen = enumerate({
        next_page({ "a", "b" }, FEED .. "?token=1"),
        next_page({}, FEED .. "?token=2"),
        page({ "c" }, FEED .. "?token=3"),
      }, { from = "beginning" })
      assert.is_nil(err)
      assert.same({ "a b", "", "c" }, pages)
      assert.equal(FEED .. "?token=3", feed.cursor)
      assert.equal(3, feed.pages)
      assert.same({ FEED, FEED .. "?token=1", FEED .. "?token=2" },
        { seen[1].url, seen[2].url, seen[3].url })
    end)

    it("from a link", function()
      local pages, feed, _, _, seen = enumerate(
        { page({ "a" }, FEED .. "?token=2") }, { link = FEED .. "?token=1" })
      assert.equal(FEED .. "?token=1", seen[1].url)
      assert.same({ "a" }, pages)
      assert.equal(FEED .. "?token=2", feed.cursor)
    end)

    it("from now: no items, only the place", function()
      local pages, feed, _, _, seen = enumerate(
        { page({}, FEED .. "?token=2") }, { from = "now" })
      assert.equal(FEED .. "?token=latest", seen[1].url)
      assert.same({ "" }, pages)
      assert.equal(FEED .. "?token=2", feed.cursor)
    end)

    it("with a name in it that is no Unicode", function()
      local name
      local feed = delta.new(client, DRIVE, { scope = scope.new(), from = "beginning" })
      fake_http.start(function()
        return { body = '{"value":[{"id":"a","name":"half \\ud83d.txt"}],"@odata.deltaLink":"'
          .. FEED .. '?token=1"}' }
      end)
      fake_http.in_virtual_time(function() name = assert(feed:next())[1].name end)
      assert.equal("half \239\191\189.txt", name)
    end)

    it("of a list, where its items are", function()
      local _, _, _, _, seen = enumerate(
        { page({}, GRAPH .. "/lists/l/items/delta?token=1") },
        { from = "beginning", what = resource.parse "/lists/l" })
      assert.equal(GRAPH .. "/lists/l/items/delta", seen[1].url)
    end)

    it("and takes the time of its first page by Graph's clock", function()
      local first = page({}, FEED .. "?token=1", "nextLink")
      first.headers = { Date = "Thu, 01 Jan 2026 00:00:00 GMT" }
      local _, feed = enumerate { first, page({}, FEED .. "?token=2") }
      assert.is_true(math.abs(feed.began_at - 1767225600) < 5)
    end)
  end)

  describe("of an item that is in a page more than once", function()
    local function items_of(list)
      return (enumerate { page(list, FEED .. "?token=1") })[1]
    end

    it("gives the last, at its place", function()
      local function item(id, name) return { id = id, name = name } end
      local names = {}
      local feed = delta.new(client, DRIVE, { scope = scope.new(), from = "beginning" })
      fake_http.start(function()
        return page({
          item("a", "old a"), item("b", "b"), item("a", "a"), item("c", "old c"),
          item("c", "older c"), item("c", "c"),
        }, FEED .. "?token=1")
      end)
      fake_http.in_virtual_time(function()
        for i, one in ipairs(assert(feed:next())) do names[i] = one.name end
      end)
      assert.same({ "b", "a", "c" }, names)
    end)

    it("knows it by its id alone", function()
      assert.equal("a b A", items_of { "a", "b", "A" })
      assert.equal("x x y", items_of { { name = "x" }, { name = "x" }, { name = "y" } })
    end)
  end)

  describe("checks a link:", function()
    local function good(link, expected)
      local checked, message = delta.check_link(client, link)
      assert.is_nil(message)
      assert.equal(expected or link, checked)
    end

    it("it may be of any form that the service uses", function()
      good(FEED .. "?token=abc")
      good(FEED .. "?$deltatoken=abc")
      good(FEED .. "?$select=id,name&$skiptoken=abc")
      good(FEED .. "?%24deltaToken=abc")
      good(GRAPH .. "/drives('d')/root/microsoft.graph.delta(token='MzsyMzE7')")
      good(GRAPH .. "/drives('d')/root/microsoft.graph.delta(token='a;%234;%23')?$top=5")
      good("https://GRAPH.example:443/v1.0/drives/d/root/delta?token=abc")
      good(FEED .. "?token=" .. ("a"):rep(30000))
    end)

    it("token=latest beside a true token is taken out", function()
      good(GRAPH .. "/me/drive/root/microsoft.graph.delta(token='3;%234')?token=latest",
        GRAPH .. "/me/drive/root/microsoft.graph.delta(token='3;%234')")
      good(FEED .. "?token=latest&$deltatoken=abc&$top=1",
        FEED .. "?$deltatoken=abc&$top=1")
    end)

    for _, case in ipairs {
      { FEED .. "?token=latest", "names no place" },
      { FEED .. "?token=LATEST&$top=5", "names no place" },
      { FEED .. "(token='latest')", "names no place" },
      { FEED .. "(token='')", "names no place" },
      { FEED .. "?token=", "names no place" },
      { FEED .. "?$select=id", "names no place" },
      { FEED, "names no place" },
      { "", "URL" },
      { "/drives/d/root/delta?token=abc", "URL" },
      { "token=abc", "URL" },
      { FEED .. "?token=a b", "not a URL" },
      { FEED .. "?token=a\nb", "not a URL" },
      { FEED .. "?token=\255", "not a URL" },
      { FEED .. "?token=" .. ("a"):rep(70000), "not a URL" },
      { "https://graph.example:99999/delta?token=abc", "URL" },
      { 5, "not a URL" },
      { {}, "not a URL" },
      { json.null, "not a URL" },
      { "https://evil.example/v1.0/drives/d/root/delta?token=abc", "another server" },
      { "https://graph.example.evil/delta?token=abc", "another server" },
      { "https://graph.example:8443/delta?token=abc", "another server" },
      { "http://graph.example/v1.0/delta?token=abc", "another server" },
      { "https://graph.example@evil.example/delta?token=abc", "user name" },
      { "https://evil.example#@graph.example/delta?token=abc", "another server" },
      { "https://evil.example\\@graph.example/delta?token=abc", "" },
      { "file:///etc/passwd?token=abc", "" },
    } do
      it(("refuses %.70s"):format(tostring(case[1]):gsub("[^\32-\126]", "?")), function()
        local link, message = delta.check_link(client, case[1])
        assert.is_nil(link)
        assert.matches(case[2], message, 1, true)
        assert.not_matches("abc", message, 1, true)
      end)
    end
  end)

  describe("whose answers are wrong ends with an error, and no place:", function()
    -- The answer as the only one, and as the second page.
    local function fails(answer, pattern)
      for _, answers in ipairs {
        { answer }, { next_page({ "a" }, FEED .. "?token=1"), answer },
      } do
        local pages, feed, err, refusal = enumerate(answers)
        assert.equal("protocol", err.kind)
        assert.is_true(err.retryable)
        assert.matches(pattern, err.message)
        assert.equal(#answers - 1, #pages)
        assert.is_nil(feed.cursor)
        assert.is_nil(refusal)
        assert.not_matches("secret", tostring(err), 1, true)
      end
    end

    for name, case in pairs {
      ["empty"] = { "", "not JSON" },
      ["not JSON"] = { "<html>sign in</html>", "not JSON" },
      ["cut off"] = { '{"value":[{"id":"a"}', "not JSON" },
      ["not an object"] = { "[]", "not an object" },
      ["an empty object"] = { "{}", "no list of items" },
      ["without items"] = { '{"@odata.deltaLink":"x"}', "no list of items" },
      ["with items that are null"] = { '{"value":null}', "no list of items" },
      ["with items that are no list"] = { '{"value":{"a":{}}}', "not a list" },
      ["with an item that is no object"] = { '{"value":[{"id":"a"},null]}', "no object" },
      ["without links"] = { '{"value":[]}', "neither a nextLink nor a deltaLink" },
      ["with links that are null"] = {
        '{"value":[],"@odata.nextLink":null,"@odata.deltaLink":null}', "neither",
      },
      ["with a deltaLink that is none"] = {
        '{"value":[],"@odata.deltaLink":"?token=x"}', "deltaLink: .*URL",
      },
      ["with a deltaLink that says latest"] = {
        ('{"value":[],"@odata.deltaLink":"%s?token=latest"}'):format(FEED),
        "deltaLink: it names no place",
      },
      ["with a nextLink that says latest"] = {
        ('{"value":[],"@odata.nextLink":"%s?token=latest"}'):format(FEED),
        "nextLink: it names no place",
      },
      ["with a nextLink elsewhere"] = {
        '{"value":[],"@odata.nextLink":"https://evil.example/?token=x"}',
        "nextLink: .*another server %(https://evil.example:443%)",
      },
      ["with a deltaLink elsewhere"] = {
        '{"value":[],"@odata.deltaLink":"https://evil.example/?token=x"}',
        "deltaLink: .*another server",
      },
    } do
      it(name, function() fails({ body = case[1] }, case[2]) end)
    end
  end)

  describe("whose chain does not lead to an end is broken off:", function()
    local max_empty, max_pages = delta.MAX_EMPTY, delta.MAX_PAGES

    after_each(function() delta.MAX_EMPTY, delta.MAX_PAGES = max_empty, max_pages end)

    -- Returns how many pages were given before it was noticed.
    local function broken(answers, pattern, opts)
      local pages, feed, err = enumerate(answers, opts)
      assert.equal("protocol", err.kind)
      assert.matches(pattern, err.message)
      assert.is_true(feed.is_broken)
      assert.is_nil(feed.cursor)
      assert.is_nil((feed:next()))
      return #pages
    end

    it("a nextLink that leads to its own page", function()
      assert.equal(1, broken(
        function(request) return next_page({ "a" }, request.url) end,
        "in circles", { link = FEED .. "?token=1" }))
    end)

    it("a nextLink that is always the same", function()
      assert.equal(2, broken({ next_page({ "a" }, FEED .. "?token=1") }, "in circles"))
    end)

    for _, period in ipairs { 2, 3, 7, 50 } do
      it(("nextLinks that repeat after %d"):format(period), function()
        local pages = broken(function(_, n)
          return next_page({ "item " .. n }, FEED .. "?token=" .. n % period)
        end, "in circles")
        assert.is_true(pages <= 4 * period)
      end)
    end

    it("the same items under ever new links", function()
      local pages = broken(function(_, n)
        return next_page({ "a", "b", "c" }, FEED .. "?$skiptoken=" .. n)
      end, "repeat under new links")
      assert.is_true(pages < 20)
    end)

    it("pages that repeat in turn under ever new links", function()
      local pages = broken(function(_, n)
        return next_page({ "item " .. n % 5 }, FEED .. "?$skiptoken=" .. n)
      end, "repeat under new links")
      assert.is_true(pages < 100)
    end)

    it("empty pages without end", function()
      delta.MAX_EMPTY = 50
      assert.equal(50, broken(function(_, n)
        return next_page({}, FEED .. "?token=" .. n)
      end, "does not end"))
    end)

    it("new items without end", function()
      delta.MAX_PAGES = 50
      local pages = broken(function(_, n)
        return next_page({ "item " .. n }, FEED .. "?token=" .. n)
      end, "does not end")
      assert.is_true(pages <= 51)
    end)

    it("but not one that is long, has gaps, or shows an item again", function()
      delta.MAX_EMPTY = 50
      local pages, feed, err = enumerate(function(_, n)
        if n == 1000 then return page({}, FEED .. "?token=end") end
        local items = {}
        if n % 40 == 0 then items = { "item " .. n, "again" } end
        if n < 4 then items = { { id = "touched", eTag = tostring(n) } } end
        return next_page(items, FEED .. "?token=" .. n)
      end)
      assert.is_nil(err)
      assert.equal(1000, #pages)
      assert.equal(FEED .. "?token=end", feed.cursor)
    end)

    it("and the memory of a long one is that of a page", function()
      local items = {}
      for i = 1, 100 do items[i] = { id = ("i"):rep(30) .. i, name = ("n"):rep(100) } end
      local text = page(items, "LINK", "nextLink").body
      local early, late
      local feed = delta.new(client, DRIVE, { scope = scope.new(), from = "beginning" })
      fake_http.start(function(_, n)
        -- fake_http remembers every request, which is its own affair.
        local link = n == 600 and FEED .. "?token=end" or FEED .. "?token=" .. n
        return { body = (text:gsub("LINK", link)
          :gsub('"id":"i', ('"id":"%d'):format(n))
          :gsub(n == 600 and "@odata.nextLink" or "none", "@odata.deltaLink")) }
      end)
      graphsocket.run(function()
        repeat
          assert(feed:next())
          if feed.pages == 100 or feed.pages == 600 then
            collectgarbage()
            collectgarbage()
            early, late = late, collectgarbage "count"
          end
        until feed.cursor
      end)
      -- 50,000 items of 150 bytes and more came between.
      assert.is_true(late - early < 1500, ("%.0f KB more"):format(late - early))
    end)
  end)

  describe("that began from now", function()
    it("gives no item even if the service sends some", function()
      local pages, feed, err = enumerate({
        next_page({ "a" }, FEED .. "?token=1"), page({ "b" }, FEED .. "?token=2"),
      }, { from = "now" })
      assert.is_nil(err)
      assert.same({ "", "" }, pages)
      assert.equal(FEED .. "?token=2", feed.cursor)
    end)

    it("goes through everything, silently, if its place is latest again", function()
      local pages, feed, err, _, seen = enumerate({
        page({}, FEED .. "?token=latest"),
        next_page({ "a" }, FEED .. "?token=1"),
        page({ "b" }, FEED .. "?token=2"),
      }, { from = "now" })
      assert.is_nil(err)
      assert.same({ "", "", "" }, pages)
      assert.equal(FEED .. "?token=2", feed.cursor)
      assert.equal(FEED, seen[2].url)
    end)

    it("gives up if that says latest too", function()
      local _, feed, err, _, seen =
        enumerate({ page({}, FEED .. "?token=latest") }, { from = "now" })
      assert.equal("protocol", err.kind)
      assert.equal(2, #seen)
      assert.is_nil(feed.cursor)
    end)
  end)

  describe("tells by an error what it means:", function()
    local function graph_error(status, code, inner, headers)
      return {
        status = status, headers = headers,
        body = json.encode { error = {
          code = code, message = "words", innerError = inner and { code = inner },
        } },
      }
    end

    for _, case in ipairs {
      { 410, "resyncRequired", nil, "resyncRequired" },
      { 410, "resyncChangesApplyDifferences", nil, "resyncChangesApplyDifferences" },
      { 410, "resyncChangesUploadDifferences", nil, "resyncChangesUploadDifferences" },
      { 410, "resyncRequired", "resyncChangesUploadDifferences",
        "resyncChangesUploadDifferences" },
      { 410, "Gone", nil, "Gone" },
      { 404, "SyncStateNotFound", nil, "SyncStateNotFound" },
      { 400, "syncStateNotFound", nil, "syncStateNotFound" },
      { 410, nil, nil, "resyncRequired" },
    } do
      it(("%d %s: the place is forgotten"):format(case[1], tostring(case[3] or case[2])),
        function()
        local answer = graph_error(case[1], case[2], case[3],
          { Location = FEED .. "?token=fresh" })
        if not case[2] then answer.body = "" end
        local _, _, err, refusal = enumerate({ answer }, { link = FEED .. "?token=1" })
        assert.same({ reason = case[4], location = FEED .. "?token=fresh" }, refusal)
        assert.equal(case[1], err.status)
        assert.is_true(err.retryable)
        assert.not_matches("fresh", tostring(err), 1, true)
      end)
    end

    it("403, 404, 500: nothing of the place", function()
      for _, status in ipairs { 403, 404, 500, 503 } do
        local _, _, err, refusal =
          enumerate({ graph_error(status, "code") }, { link = FEED .. "?token=1" })
        assert.equal(status, err.status)
        assert.is_nil(refusal)
        assert.equal(status >= 500, err.retryable)
      end
    end)

    it("400: final, unless the service refuses a link of its own", function()
      local _, _, err = enumerate { graph_error(400, "invalidRequest") }
      assert.is_false(err.retryable)
      _, _, err = enumerate({ graph_error(400, "invalidRequest") },
        { link = FEED .. "?token=1" })
      assert.is_true(err.retryable)
    end)

    it("asks once, and leaves it to others to ask again", function()
      local _, _, err, _, seen = enumerate { graph_error(503, "serviceNotAvailable") }
      assert.equal(503, err.status)
      assert.equal(1, #seen)
    end)

    it("and asks for the same page if it is asked again", function()
      local feed = delta.new(client, DRIVE, { scope = scope.new(), from = "beginning" })
      local seen = fake_http.start(function(_, n)
        if n == 2 then return graph_error(500, "generalException") end
        if n == 1 then return next_page({ "a" }, FEED .. "?token=1") end
        return page({ "b" }, FEED .. "?token=2")
      end)
      fake_http.in_virtual_time(function()
        assert(feed:next())
        assert.is_nil((feed:next()))
        assert(feed:next())
      end)
      assert.same({ FEED .. "?token=1", FEED .. "?token=1" },
        { seen[2].url, seen[3].url })
      assert.equal(FEED .. "?token=2", feed.cursor)
    end)
  end)

  it("goes round notSupported on /me/drive by the drive's id", function()
    local what = resource.parse "/me/drive/root"
    local pages, feed, urls = {}, nil, {}
    fake_http.start(function(request)
      urls[#urls + 1] = request.url:sub(#GRAPH + 1)
      if urls[#urls]:find "^/me/drive/root" then
        return { status = 400, body = '{"error":{"code":"notSupported"}}' }
      elseif urls[#urls]:find "select=id" then
        return { body = '{"id":"d"}' }
      end
      return page({ "a" }, FEED .. "?token=1")
    end)
    fake_http.in_virtual_time(function()
      local first = delta.new(client, what, { scope = scope.new(), from = "beginning" })
      local _, err = first:next()
      assert.is_true(err.retryable)
      feed = delta.new(client, what, { scope = scope.new(), from = "beginning" })
      pages[1] = assert(feed:next())
    end)
    assert.same({ "/me/drive/root/delta", "/me/drive?$select=id", "/drives/d/root/delta" },
      urls)
    assert.equal(1, #pages[1])
  end)

  it("ends at once when its scope is cancelled", function()
    local the_scope = scope.new()
    local feed = delta.new(client, DRIVE, { scope = the_scope, from = "beginning" })
    fake_http.start(function() return "never" end)
    local passed = fake_http.in_virtual_time(function()
      graphsocket.spawn(function() the_scope:cancel() end)
      local items, err = feed:next()
      assert.is_nil(items)
      assert.equal("closed", err.kind)
    end)
    assert.is_true(passed < 5)
  end)
end)
