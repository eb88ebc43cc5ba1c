-- Instructions of the ways that each message takes, by function of ours: a
-- measure that neither the machine nor its load changes. CI compares them with
-- what is recorded, so a way that grows longer is seen at once.
--
--   lua5.4 scripts/counts.lua measure BUILD "COMPILER FLAGS"   prints counts
--   lua5.4 scripts/counts.lua compare RECORDED COUNTED         files of that
--
-- Lines are "PART COUNT FUNCTION"; PART is "path" (C, bench/counts/path.c),
-- "core" (the binding, called by bench/counts/dispatch.lua) or "lua" (the
-- instructions of Lua's machine, of the same). Functions of libc, lua-cjson
-- and Lua are left out. Static functions may have become part of their caller,
-- so the sum of a part is compared, too.

local MESSAGES = 1000
local SLACK = 1.05
local ROUNDING = 0.5 -- instructions a message: each run counts the same, but for parts of one

local function run(command)
  local pipe = io.popen(command .. " 2>&1")
  local text = pipe:read "a"
  local ok = pipe:close()
  if not ok then
    io.stderr:write(text)
    error("failed: " .. command, 0)
  end
  return text
end

-- Adds the functions of csrc/ that callgrind saw to |counts|.
local function callgrind(part, command, counts)
  local out = os.tmpname()
  run(("valgrind --tool=callgrind --callgrind-out-file=%s %s"):format(out, command))
  local table_of = run("callgrind_annotate --threshold=100 --auto=no " .. out)
  os.remove(out)
  for line in table_of:gmatch "[^\n]+" do
    local number, file, name = line:match "^%s*([%d,]+)[^:]*[ /]csrc/([%w_]+%.c):([%w_]+)"
    if number then
      local key = ("%s csrc/%s:%s"):format(part, file, name)
      counts[key] = (counts[key] or 0) + tonumber((number:gsub(",", "")))
    end
  end
end

local function measure(build, compiler)
  local counts = {}
  callgrind("path", ("%s/bench/path %d"):format(build, MESSAGES), counts)
  local dispatch = "lua5.4 bench/counts/dispatch.lua " .. MESSAGES
  callgrind("core", dispatch, counts)
  for number, name in run(dispatch .. " lua"):gmatch "(%d+) ([^\n]+)" do
    local key = "lua " .. name
    counts[key] = (counts[key] or 0) + tonumber(number)
  end
  print("compiler " .. compiler)
  print("interpreter " .. run "lua5.4 -v":match "Lua [%d.]+")
  local keys = {}
  for key, number in pairs(counts) do
    if number >= MESSAGES then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    print(("%s %.1f %s"):format(key:match "^%S+", counts[key] / MESSAGES, key:match " (.*)"))
  end
end

local function read(path)
  local file = { counts = {} }
  for line in io.lines(path) do
    local head, rest = line:match "^(%l+) (.+)$"
    local number, name = (rest or ""):match "^([%d.]+) (%S+:.+)$"
    if number then
      file.counts[head .. " " .. name] = tonumber(number)
      local sum = head .. " all of it"
      file.counts[sum] = (file.counts[sum] or 0) + tonumber(number)
    elseif head then
      file[head] = rest
    end
  end
  return file
end

-- Whether what made the code is the same in both, and says so if it is not.
local function is_same(maker, what_it_makes, recorded, counted)
  local was, is = tostring(recorded[maker]), tostring(counted[maker])
  if was ~= is then
    print(("recorded with %s, this is %s: %s is not compared"):format(was, is, what_it_makes))
  end
  return was == is
end

local function compare(recorded_path, counted_path)
  local old, new = read(recorded_path), read(counted_path)
  local same_compiler = is_same("compiler", "C", old, new)
  local same_interpreter = is_same("interpreter", "Lua", old, new)
  local recorded, counted = old.counts, new.counts
  local grown = {}
  for key, number in pairs(counted) do
    local before = recorded[key]
    local comparable = same_compiler
    if key:match "^lua " then comparable = same_interpreter end
    if before and comparable and number > before * SLACK and number - before > ROUNDING then
      grown[#grown + 1] = ("%s: %.0f instructions a message, %.0f are recorded (%+.0f %%)")
        :format(key, number, before, (number / before - 1) * 100)
    end
  end
  table.sort(grown)
  if #grown == 0 then
    print "no way of a message has grown by more than 5 %"
    return true
  end
  print(table.concat(grown, "\n"))
  print "if that is worth it: make counts UPDATE=1, and say why in the commit"
  return false
end

local what, first, second = arg[1], arg[2], arg[3]
if what == "measure" then
  measure(first, second)
elseif what == "compare" then
  os.exit(compare(first, second))
else
  error("measure or compare, not " .. tostring(what), 0)
end
