-- Where a login is kept, and what becomes of the commands where that is not
-- possible. How a person signs in is in login_spec.lua.

local account = require "graphsocket.cli.account"
local command = require "spec.cli.command"
local helper = require "spec.helper"

describe("the login", function()
  local home
  before_each(function() home = helper.scratch "home" end)

  local function run(...)
    return command.run({ HOME = home }, ...)
  end

  local function put(name, content)
    local path = home .. "/" .. name
    assert.equal(0, (helper.run { "mkdir", "-p", path:match "^(.*)/" }))
    helper.write(path, content)
    assert.equal(0, (helper.run { "chmod", "600", path }))
    return path
  end

  it("needs a home", function()
    home = ""
    local code, _, err = run("login", "--client-id", "1")
    assert.equal(4, code)
    assert.equal("graphsocket: no place to keep a login in: set HOME, or XDG_CONFIG_HOME and "
      .. "XDG_STATE_HOME\n", err)
    code, _, err = run("endpoint", "/me/drive/root")
    assert.equal(3, code)
    assert.matches("no token: run graphsocket login", err, 1, true)
  end)

  it("needs a home that can be written to", function()
    home = "/dev/null"
    local code, _, err = run("login", "--client-id", "1")
    assert.equal(4, code)
    assert.matches('^graphsocket: the folder "/dev/null/[^"]*" cannot be made: not a directory\n$', err)
  end)

  it("is refused where its file is damaged", function()
    for _, content in ipairs {
      "", "{", "[]", "{}", '{"client_id":"1","tenant":5}', '{"client_id":"1","tenant":"common","scopes":[]}',
      '{"client_id":"1","tenant":"common","authority":{}}',
    } do
      put(".config/graphsocket/login.json", content)
      local code, _, err = run("endpoint", "/me/drive/root")
      assert.equal(4, code, content)
      assert.matches("login.json\" is damaged: run graphsocket login again\n$", err)
      assert.equal(1, #command.lines(err))
    end
  end)

  it("is refused where its file cannot be read", function()
    put(".config/graphsocket/login.json/in-the-way", "")
    local code, _, err = run("endpoint", "/me/drive/root")
    assert.equal(4, code)
    assert.matches("login.json\" cannot be read", err, 1, true)
  end)

  it("is refused where others may read its tokens", function()
    put(".config/graphsocket/login.json", '{"client_id":"1","tenant":"common"}')
    local tokens = put(".local/state/graphsocket/tokens.json", "{}")
    assert.equal(0, (helper.run { "chmod", "644", tokens }))
    local code, _, err = run("endpoint", "/me/drive/root")
    assert.equal(4, code)
    assert.matches("may be read or written by others: chmod 600 it", err, 1, true)
  end)

  it("is forgotten, or it is said that it is not", function()
    local code, out = run("login", "--forget")
    assert.equal(0, code)
    assert.equal("There were none.\n", out)
    local config = put(".config/graphsocket/login.json", '{"client_id":"1","tenant":"common"}')
    put(".local/state/graphsocket/tokens.json/in-the-way", "")
    local err
    code, out, err = run("login", "--forget")
    assert.equal(4, code)
    assert.equal("", out)
    assert.matches('^graphsocket: the login cannot be removed: [^\n]*tokens.json[^\n]*\n$', err)
    assert.is_string(helper.read(config))
  end)

  it("leaves an old one alone until it is there", function()
    local getenv = os.getenv
    os.getenv = function(name) return name == "HOME" and home or nil end -- luacheck: ignore
    finally(function() os.getenv = getenv end) -- luacheck: ignore
    local function sign_in(tenant)
      return assert(account.prepare { client_id = "1", tenant = tenant, scopes = "Files.Read" })
    end
    local first = sign_in "first"
    helper.write(first.cache, "{}")
    assert(account.commit(first))
    local second = sign_in "second"
    helper.write(second.cache, "{}")
    assert.equal("first", account.load().tenant)
    account.discard(second)
    assert.is_nil(helper.read(second.cache))
    assert.equal("first", account.load().tenant)
  end)
end)
