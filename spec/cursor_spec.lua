local cursor = require "graphsocket.cursor"
local helper = require "spec.helper"
local lfs = require "lfs"
local loop = require "graphsocket.loop"

local LINK = "https://graph.example/v1.0/me/drive/root/delta?token=c3RvcmVk"
local WHOSE = { host = "https://graph.example:443", resource = "/me/drive/root" }

local function other(fields)
  return {
    host = fields.host or WHOSE.host, resource = fields.resource or WHOSE.resource,
  }
end

describe("graphsocket.cursor", function()
  local path

  before_each(function() path = helper.scratch "drive.state" end)

  local function opened(state, whose)
    local opening, err = cursor.open(state or path, whose or WHOSE)
    assert.is_nil(err)
    return opening
  end

  local function stored(place)
    local opening = opened()
    assert.is_true(opening:save(place or { link = LINK }))
    opening:close()
  end

  -- Opens what must not open, and looks at the error.
  local function refused(state, whose)
    local opening, err = cursor.open(state, whose or WHOSE)
    assert.is_nil(opening)
    assert.equal("state", err.kind)
    assert.not_matches("c3RvcmVk", tostring(err), 1, true)
    if type(state) == "string" then
      assert.matches('state file "' .. state .. '"', err.message, 1, true)
    end
    return err
  end

  it("gives back the place that was stored, in another process's life", function()
    local first = opened()
    assert.is_nil(first.place)
    local place = { link = LINK, proven = LINK .. "0", synced_at = 1767225600 }
    assert.is_true(first:save(place))
    assert.equal(place, first.place)
    first:close()
    local second = opened()
    assert.same(place, second.place)
    second:close()
  end)

  it("writes a file that its owner alone may read", function()
    stored()
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
  end)

  it("leaves nothing in the folder but the file and its lock", function()
    local folder = helper.scratch "folder"
    assert(lfs.mkdir(folder))
    path = folder .. "/state"
    stored()
    local names = {}
    for name in lfs.dir(folder) do
      if not name:find "^%.+$" then names[#names + 1] = name end
    end
    table.sort(names)
    assert.same({ "state", "state.lock" }, names)
  end)

  it("removes what a process that was killed in the middle of it left", function()
    local left = path .. ".0badcafe.tmp"
    helper.write(left, "half")
    local first = opened()
    assert.is_nil(helper.read(left))
    -- The file of one who has the lock is not another's to remove.
    helper.write(left, "half")
    refused(path)
    assert.equal("half", helper.read(left))
    first:close()
    opened():close()
    assert.is_nil(helper.read(left))
  end)

  it("follows a symbolic link, and leaves it one", function()
    stored()
    local link = helper.scratch "link"
    assert(lfs.link(path, link, true))
    local opening = opened(link)
    assert.is_true(opening:save { link = LINK .. "2" })
    opening:close()
    assert.equal("link", lfs.symlinkattributes(link, "mode"))
    opening = opened()
    assert.equal(LINK .. "2", opening.place.link)
    opening:close()
  end)

  it("follows one that leads to no file yet, and locks that file", function()
    local link = helper.scratch "link"
    assert(lfs.link(path, link, true))
    local opening = opened(link)
    assert.equal("locked", refused(path).code)
    assert.is_true(opening:save { link = LINK })
    opening:close()
    assert.equal("link", lfs.symlinkattributes(link, "mode"))
    opening = opened()
    assert.equal(LINK, opening.place.link)
    opening:close()
  end)

  describe("refuses a file that is", function()
    it("cut off at any place", function()
      stored()
      local text = helper.read(path)
      for length = 0, #text - 1 do
        helper.write(path, text:sub(1, length))
        assert.equal("damaged", refused(path).code)
      end
    end)

    it("changed at any place", function()
      stored()
      local text = helper.read(path)
      for at = 1, #text do
        local byte = text:byte(at)
        for _, other_byte in ipairs { (byte + 1) % 256, (byte + 128) % 256 } do
          helper.write(path,
            text:sub(1, at - 1) .. string.char(other_byte) .. text:sub(at + 1))
          local code = refused(path).code
          assert.is_true(code == "damaged" or code == "newer", code)
        end
      end
    end)

    it("something else", function()
      for _, text in ipairs {
        "", "\n", "graphsocket", '{"link":"x"}', ("x"):rep(70000), "\0\0\0",
        "graphsocket watch, version \n1\n{}\n",
        "graphsocket watch, version 1\n3\n\n",
      } do
        helper.write(path, text)
        assert.equal("damaged", refused(path).code)
        assert.equal(text, helper.read(path), "it is left as it was")
      end
    end)

    it("whole, but without a place", function()
      for _, body in ipairs {
        "[]", "null", "1", "{", '{"link":1}', '{"link":"x","proven":1}',
        '{"link":"x","synced_at":"y"}', '{"link":"x","synced_at":1e999}',
        ('{"host":"%s","resource":"%s","link":"\255"}'):format(WHOSE.host, WHOSE.resource),
      } do
        -- The checksum of this body, as the module makes it.
        local sum = #body
        for i = 1, #body do sum = (sum * 257 + body:byte(i) + 1) % 17592186044399 end
        helper.write(path,
          ("graphsocket watch, version 1\n%.0f\n%s\n"):format(sum, body))
        assert.equal("damaged", refused(path).code)
      end
    end)

    it("from a newer version, whatever the rest of it is", function()
      helper.write(path, "graphsocket watch, version 2\nwho knows")
      local err = refused(path)
      assert.equal("newer", err.code)
      assert.matches("newer graphsocket", err.message)
    end)

    it("of another resource, or of another Graph", function()
      stored()
      local err = refused(path, other { resource = "/drives/b!other/root" })
      assert.equal("foreign", err.code)
      assert.matches("belongs to the resource /me/drive/root, not to "
        .. "/drives/b!other/root", err.message, 1, true)
      err = refused(path, other { host = "https://graph.other:443" })
      assert.equal("foreign", err.code)
      assert.matches("https://graph.other:443", err.message, 1, true)
    end)

    it("a directory, and makes no lock beside it", function()
      assert(lfs.mkdir(path))
      local err = refused(path)
      assert.equal("unreadable", err.code)
      assert.matches("not a regular file", err.message)
      assert.is_nil(lfs.attributes(path .. ".lock"))
    end)

    it("unreadable", function()
      local file = helper.scratch "file"
      helper.write(file, "no folder")
      assert.equal("unreadable", refused(file .. "/state").code)
      assert(lfs.link(path, path, true)) -- to itself
      assert.equal("unreadable", refused(path).code)
    end)

    it("in a folder that does not exist", function()
      local err = refused(path .. "/is/nowhere")
      assert.equal("unwritable", err.code)
      assert.matches("no such file", err.message)
    end)

    it("too large to be one", function()
      helper.write(path, ("x"):rep(1024 * 1024 + 1))
      assert.equal("unreadable", refused(path).code)
    end)
  end)

  describe("locks its file", function()
    it("against this process, until it is closed", function()
      local first = opened()
      local err = refused(path)
      assert.equal("locked", err.code)
      assert.matches("is in use by process %d+", err.message)
      first:close()
      first:close()
      opened():close()
    end)

    it("against other processes, also when that one is killed", function()
      local child = helper.lua([[
        local cursor = require "graphsocket.cursor"
        local opened = assert(cursor.open(arg[1],
          { host = "https://graph.example:443", resource = "/me/drive/root" }))
        print "locked"
        io.stdout:flush()
        require("graphsocket.core").poll(-1, 600)
        opened:close()
      ]], path)
      child:line()
      local err = refused(path)
      assert.equal("locked", err.code)
      assert.matches("process " .. child.pid, err.message, 1, true)
      child:signal "KILL"
      child:wait()
      opened():close()
    end)

    it("by whatever name it is called", function()
      stored()
      local link = helper.scratch "link"
      assert(lfs.link(path, link, true))
      local first = opened()
      assert.equal("locked", refused(link).code)
      first:close()
      opened(link):close()
      assert.is_nil(lfs.attributes(link .. ".lock"))
    end)

    it("not for good when it was refused", function()
      helper.write(path, "damaged")
      refused(path)
      os.remove(path)
      opened():close()
    end)

    it("until it is collected", function()
      local function open_and_forget() opened() end
      open_and_forget()
      collectgarbage()
      collectgarbage()
      opened():close()
    end)
  end)

  it("keeps the old place when the new one cannot be written", function()
    -- A limit of the file size stands in for a disk that is full.
    local script = helper.scratch "script.lua"
    helper.write(script, [[
      local cursor = require "graphsocket.cursor"
      local opened = assert(cursor.open(arg[1], {
        host = "https://graph.example:443", resource = "/me/drive/root" }))
      assert(opened:save { link = "https://graph.example/?token=small" })
      local ok, err = opened:save {
        link = "https://graph.example/?token=" .. ("x"):rep(100000) }
      print(ok, err.kind, err.code, err.retryable)
      print(tostring(err):find("xxx", 1, true), opened.place.link)
      opened:close()
    ]])
    local code, out, err = helper.run {
      "sh", "-c", [[trap '' XFSZ; ulimit -f 8; exec "$@"]], "sh",
      helper.interpreter(), script, path,
      env = { LUA_PATH = package.path, LUA_CPATH = package.cpath },
    }
    assert.equal("", err)
    assert.equal(0, code)
    assert.equal("nil\tstate\tunwritable\ttrue\n"
      .. "nil\thttps://graph.example/?token=small\n", out)
    local opening = opened()
    assert.equal("https://graph.example/?token=small", opening.place.link)
    opening:close()
  end)

  describe("in the program's own hands", function()
    -- A memory with the two functions.
    local function memory()
      local self = { text = nil }
      self.load = function() return self.text end
      self.save = function(text)
        self.text = text
        return true
      end
      return self, { load = self.load, save = self.save }
    end

    it("stores and gives back the same text as a file", function()
      local kept, state = memory()
      local first = opened(state)
      assert.is_nil(first.place)
      assert.is_true(first:save { link = LINK })
      first:close()
      assert.same({ link = LINK }, opened(state).place)
      helper.write(path, kept.text)
      local from_file = opened()
      assert.same({ link = LINK }, from_file.place)
      from_file:close()
    end)

    it("is checked like a file", function()
      local kept, state = memory()
      opened(state):save { link = LINK }
      assert.equal("foreign", refused(state, other { resource = "/x" }).code)
      kept.text = kept.text:sub(2)
      assert.equal("damaged", refused(state).code)
      kept.text = ""
      assert.equal("damaged", refused(state).code)
    end)

    it("may wait", function()
      local kept, state = memory()
      local function patient(fn)
        return function(...)
          loop.sleep(0.001)
          return fn(...)
        end
      end
      state = { load = patient(state.load), save = patient(state.save) }
      local opening
      loop.run(function()
        opening = opened(state)
        assert(opening:save { link = LINK })
      end)
      assert.matches("^graphsocket watch, version 1\n", kept.text)
      assert.equal(LINK, opening.place.link)
    end)

    it("fails with the words of its functions, without secrets", function()
      local reported = 0
      loop.on_error = function() reported = reported + 1 end
      local function nothing() end
      local err = refused { load = function() error "no disk" end, save = nothing }
      assert.matches("cannot be loaded: .*no disk", err.message)
      err = refused {
        load = function() return nil, "refused at https://h/?token=c3RvcmVk" end,
        save = nothing,
      }
      assert.matches("refused at https://h/?…", err.message, 1, true)
      err = refused { load = function() return 5 end, save = nothing }
      assert.matches("returned a number", err.message)

      for _, case in ipairs {
        { function() error "no disk" end, "no disk" },
        { function() return nil, "no disk" end, "no disk" },
        { function() return false end, "save returned false" },
        { function() error({}) end, "table" },
        { function() error(setmetatable({}, { __tostring = error })) end, "type table" },
      } do
        local opening = opened { load = nothing, save = case[1] }
        local ok
        ok, err = opening:save { link = LINK }
        assert.is_nil(ok)
        assert.equal("unwritable", err.code)
        assert.matches(case[2], err.message)
        assert.is_nil(opening.place)
      end
      loop.on_error = nil
      assert.equal(4, reported)
    end)

    it("may return nothing from save", function()
      local opening = opened { load = function() end, save = function() end }
      assert.is_true(opening:save { link = LINK })
    end)
  end)

  it("needs no state at all", function()
    local opening = opened(false)
    assert.is_true(opening:save { link = LINK })
    assert.equal(LINK, opening.place.link)
    opening:close()
  end)

  it("shows no link", function()
    local opening = opened()
    opening:save { link = LINK }
    assert.equal(('graphsocket.cursor: state file "%s"'):format(path), tostring(opening))
    opening:close()
  end)

  it("says what a state may be", function()
    local function nothing() end
    assert.is_nil(cursor.check "drive.state")
    assert.is_nil(cursor.check { load = nothing, save = nothing })
    for _, case in ipairs {
      { "", "empty" }, { "a\0b", "NUL" }, { {}, "both functions" },
      { { load = nothing }, "both functions" },
      { { load = nothing, save = true }, "must be a path" },
      { { load = nothing, save = nothing, lock = nothing }, "must be a path" },
    } do
      assert.matches(case[2], cursor.check(case[1]))
    end
  end)

  it("finds one wrong byte in a long link", function()
    local long = "https://graph.example/?token=" .. ("A"):rep(60000)
    stored { link = long }
    local text = helper.read(path)
    local at = math.floor(#text / 2)
    helper.write(path, text:sub(1, at) .. "B" .. text:sub(at + 2))
    assert.equal("damaged", refused(path).code)
  end)
end)
