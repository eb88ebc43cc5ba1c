-- Every line of an ```sh block of the README, the guides and the reference, as
-- bash takes it, with the commands replaced by a recorder: graphsocket must take
-- its words, make have its targets, files be there. spec/cli/help_spec.lua runs
-- such lines of graphsocket whole, scripts/check-rock those of luarocks,
-- spec/loop/examples_spec.lua and spec/nginx what starts examples.

local arguments = require "graphsocket.cli.arguments"
local helper = require "spec.helper"
local lfs = require "lfs"
local pages = require "spec.pages"

-- What the reader puts in.
local FOR_THE_READER = {
  RESOURCE = "/me/drive/root", ["[RESOURCE]"] = "/me/drive/root", SHELL = "bash",
  URL = "https://localhost:3000",
}

-- Lines that are not read, with the reason.
local UNREAD = {
  ["git clone <this repository> graphsocket && cd graphsocket"] = "it has no address yet",
}

local function is_file(path) assert.truthy(lfs.attributes(path), path .. ": no such file") end

local check = {}

function check.graphsocket(words)
  for i, word in ipairs(words) do words[i] = FOR_THE_READER[word] or word end
  if words[1] == "completion" then
    assert.matches("^[bzf][ais]s?h$", words[2])
  else
    assert(arguments.parse(words))
  end
end

function check.make(words)
  local makefile = "\n" .. helper.read "Makefile"
  for _, word in ipairs(words) do
    if not word:find "=" then
      assert.truthy(makefile:find("\n" .. word .. ":", 1, true), "make has no target " .. word)
    end
  end
end

function check.node(words) is_file(words[1]) end
function check.npm(words) is_file(words[3] .. "/package-lock.json") end
check["lua5.4"] = function(words)
  for _, word in ipairs(words) do is_file(word) end
end
check["scripts/example"] = function(words) is_file("examples/" .. words[1] .. ".lua") end
-- The reader's own, or, as luarocks, what scripts/check-rock runs.
for _, name in ipairs { "luarocks", "sudo", "curl", "jq" } do check[name] = function() end end

-- Each program of the repository, which is there, then.
local programs = io.popen "find scripts bench examples -type f -perm -u+x"
for path in programs:lines() do check[path] = check[path] or function() end end
programs:close()

-- A file for each process: those of a pipe write at once.
local function recorders(folder)
  local list = {}
  for name in pairs(check) do
    list[#list + 1] = ("%s() { printf '%%s\\n' %s \"$@\" '' >>%s/$BASHPID; }")
      :format(name, name, folder)
  end
  return table.concat(list, "\n")
end

-- The commands of a line, each a list of words.
local function commands_of(line)
  local folder = helper.scratch "commands"
  assert(lfs.mkdir(folder))
  local code, _, err = helper.run { "bash", "-c",
    ("%s\nPATH=/nonexistent; set -o pipefail\n%s"):format(recorders(folder), line) }
  assert.equal("", err)
  assert.equal(0, code)
  local list, words = {}, {}
  local recorded = io.popen("find " .. folder .. " -type f -exec cat {} +")
  for word in recorded:lines() do
    if word == "" then
      list[#list + 1], words = words, {}
    else
      words[#words + 1] = word
    end
  end
  recorded:close()
  return list
end

-- The lines of the sh blocks; one that ends with "\\" goes on.
local function lines_of(path)
  local list, before = {}, ""
  for _, block in ipairs(pages.blocks(path, "sh")) do
    for text in block.source:gmatch "[^\n]+" do
      if text:find "\\$" then
        before = before .. text:sub(1, -2)
      else
        list[#list + 1], before = before .. text, ""
      end
    end
  end
  return list
end

describe("the command line", function()
  for _, path in ipairs(pages.for_readers()) do
    for _, line in ipairs(lines_of(path)) do
      if not UNREAD[line] then
        it(("of %s is right: %s"):format(path, line), function()
          for _, words in ipairs(commands_of(line)) do
            check[table.remove(words, 1)](words)
          end
        end)
      end
    end
  end

  it("that is wrong is found", function()
    local words = commands_of "graphsocket watch 'a b' --nonsense | jq ."
    table.sort(words, function(a, b) return a[1] < b[1] end)
    assert.same({ { "graphsocket", "watch", "a b", "--nonsense" }, { "jq", "." } }, words)
    assert.has_error(function() check.graphsocket { "watch", "/me/drive/root", "--nonsense" } end)
    assert.has_error(function() check.make { "nonsense" } end)
    assert.has_error(function() commands_of "no-such-command" end)
  end)
end)
