-- Writes the tables of docs/reference/ from the annotations in lua/: what a
-- name is for is written once, above it.
--
--   lua5.4 scripts/reference.lua        writes them anew (make docs)
--
-- A page is prose by hand around blocks that are made here:
--
--   <!-- functions MODULE [name …] -->   what a module exports
--   <!-- methods CLASS as NAME [without name …] -->
--                                        what an object can do
--   <!-- fields CLASS -->                ---@field of a class, but handlers
--   <!-- events CLASS -->                ---@field on fun(self, event: "x", …)
--   <!-- options CLASS SCHEMA [all] -->  ---@field of a class of options, with
--                                        the units and defaults of its schema;
--                                        all: also of those it is built on
--   <!-- end -->
--
-- Everything that is public must be in a block and be annotated in full: what
-- is missing is an error, and spec/docs_spec.lua finds a page that is stale.
-- Public is what does not begin with "_".

local reference = {}

-- Reading annotations ---------------------------------------------------------

local function collect(...)
  local lines = {}
  for line in ... do lines[#lines + 1] = line end
  return lines
end

-- Each file is read once: a look at a function reads all of it.
local read_already = {}
local function lines_of(path)
  read_already[path] = read_already[path] or collect(io.lines(path))
  return read_already[path]
end

local function output_of(command)
  local pipe = io.popen(command)
  local lines = collect(pipe:lines())
  pipe:close()
  return lines
end

-- Splits "fun(a: b): c text" into the type and the text: a type may contain
-- spaces inside of brackets, and behind a colon or around "|".
local function split_type(text)
  local depth, at = 0, 1
  while at <= #text do
    local char = text:sub(at, at)
    if char:find "[%(%[{<]" then depth = depth + 1 end
    if char:find "[%)%]}>]" then depth = depth - 1 end
    if char == " " and depth == 0 and text:sub(at - 1, at - 1) ~= ":" then break end
    at = at + 1
  end
  return text:sub(1, at - 1), text:sub(at + 1)
end

-- Reads a comment block: its text, and its tags as {tag, text} in order.
local function read_block(lines, first, last)
  local block = { text = {}, tags = {} }
  for i = first, last do
    local body = lines[i]:match "^%s*%-%-%-(.*)$"
    local tag, rest = body:match "^@(%a+)%s*(.*)$"
    if tag then
      table.insert(block.tags, { tag = tag, text = rest })
    elseif #block.tags > 0 then
      local open = block.tags[#block.tags]
      open.text = open.text .. " " .. body:match "^%s*(.-)%s*$"
    else
      table.insert(block.text, (body:match "^%s*(.-)%s*$"))
    end
  end
  -- |name| is how comments of the code mark a parameter.
  block.text = table.concat(block.text, " "):gsub("|([%w_]+)|", "`%1`")
  return block
end

-- The block above a line.
local function block_above(path, line)
  local lines = lines_of(path)
  local first = line
  while first > 1 and lines[first - 1]:find "^%s*%-%-%-" do first = first - 1 end
  return read_block(lines, first, line - 1)
end

-- All classes: name -> {parent, fields = {{name, type, text}}}.
local function read_classes()
  local classes = {}
  for _, path in ipairs(output_of "find lua -name '*.lua' | sort") do
    local lines, i = lines_of(path), 1
    while i <= #lines do
      if lines[i]:find "^%-%-%-@class" then
        local first = i
        while lines[i + 1] and lines[i + 1]:find "^%-%-%-" do i = i + 1 end
        local class, name
        for _, tag in ipairs(read_block(lines, first, i).tags) do
          if tag.tag == "class" then
            local parent
            name, parent = tag.text:match "^([%w_.]+)%s*:?%s*([%w_.]*)"
            -- A class may be told of in several places.
            class = classes[name] or { fields = {}, parent = parent }
          elseif tag.tag == "field" then
            local field, rest = tag.text:match "^(%S+)%s+(.*)$"
            local kind, text = split_type(rest)
            table.insert(class.fields, { name = field, type = kind, text = text })
          end
        end
        classes[name] = class
      end
      i = i + 1
    end
  end
  return classes
end

-- The fields of a class and of those that it is built on, the base first.
local function all_fields(classes, name)
  local class = classes[name] or error("no ---@class " .. name, 0)
  local fields, index = {}, {}
  if class.parent ~= "" then
    for _, field in ipairs(all_fields(classes, class.parent)) do
      fields[#fields + 1] = field
      index[field.name] = #fields
    end
  end
  for _, field in ipairs(class.fields) do
    local at = field.name ~= "on" and index[field.name] or #fields + 1
    fields[at], index[field.name] = field, at
  end
  return fields
end

-- Writing ---------------------------------------------------------------------

local function cell(text)
  return (text:gsub("|", "\\|"))
end

local function code(text)
  return "`" .. text .. "`"
end

local function table_of(heads, rows)
  local out = { "| " .. table.concat(heads, " | ") .. " |",
    "|" .. (" --- |"):rep(#heads) }
  for _, row in ipairs(rows) do
    for i = 1, #row do row[i] = cell(row[i]) end
    out[#out + 1] = ("| " .. table.concat(row, " | ") .. " |"):gsub("  +", " ")
  end
  return table.concat(out, "\n")
end

-- Every parameter of a function, as its source has them.
local function parameters_of(fn)
  local names, info = {}, debug.getinfo(fn, "u")
  for i = 1, info.nparams do
    local name = debug.getlocal(fn, i)
    if name ~= "self" then names[#names + 1] = name end
  end
  if info.isvararg then names[#names + 1] = "..." end
  return names
end

local function is_optional(kind)
  return kind:find "|nil" or kind:sub(-1) == "?"
end

local function signature(name, params)
  local words = {}
  for i, param in ipairs(params) do
    words[i] = is_optional(param.type) and "[" .. param.name .. "]" or param.name
  end
  return ("%s(%s)"):format(name, table.concat(words, ", "))
end

local function check_parameters(name, fn, params)
  local documented = {}
  for _, param in ipairs(params) do documented[param.name] = true end
  for _, param in ipairs(parameters_of(fn)) do
    if not documented[param] then
      error(("%s: parameter %s has no ---@param"):format(name, param), 0)
    end
  end
end

-- One function: its signature, what it does, what it takes and gives.
local function describe(name, fn, block)
  if block.text == "" then error(name .. " is not documented", 0) end
  local params, returns = {}, {}
  for _, tag in ipairs(block.tags) do
    if tag.tag == "param" then
      local param, rest = tag.text:match "^(%S+)%s+(.*)$"
      local kind, text = split_type(rest)
      if param:sub(-1) == "?" then param, kind = param:sub(1, -2), kind .. "|nil" end
      params[#params + 1] = { name = param, type = kind, text = text }
    elseif tag.tag == "return" then
      local kind, text = split_type(tag.text)
      returns[#returns + 1] = { type = kind, text = text }
    end
  end
  check_parameters(name, fn, params)
  local out = { "#### " .. code(signature(name, params)), "", block.text, "" }
  for _, param in ipairs(params) do
    out[#out + 1] = ("- %s: %s%s"):format(code(param.name), code(param.type),
      param.text ~= "" and ", " .. param.text or "")
  end
  for _, each in ipairs(returns) do
    out[#out + 1] = ("- returns %s%s"):format(code(each.type),
      each.text ~= "" and ", " .. each.text or "")
  end
  return (table.concat(out, "\n"):gsub("\n$", ""))
end

local function describe_function(name, fn)
  local info = debug.getinfo(fn, "S")
  return describe(name, fn, block_above(info.source:sub(2), info.linedefined))
end

local function describe_value(name, path, key)
  for i, line in ipairs(lines_of(path)) do
    if line:find("^%s*" .. key .. "%s*=") or line:find("%." .. key .. "%s*=") then
      local block = block_above(path, i)
      if block.text ~= "" then return ("#### %s\n\n%s"):format(code(name), block.text) end
    end
  end
  error(name .. " is not documented", 0)
end

-- Blocks ----------------------------------------------------------------------

local function public_names(object, first)
  local names, seen = {}, {}
  for _, name in ipairs(first or {}) do
    if object[name] == nil then error("there is no " .. name, 0) end
    names[#names + 1], seen[name] = name, true
  end
  local rest = {}
  for name in pairs(object) do
    if not name:find "^_" and not seen[name] then rest[#rest + 1] = name end
  end
  table.sort(rest)
  for _, name in ipairs(rest) do names[#names + 1] = name end
  return names
end

local function words_of(text)
  local words = {}
  for word in text:gmatch "%S+" do words[#words + 1] = word end
  return words
end

local blocks = {}

function blocks.functions(_, arguments)
  local words = words_of(arguments)
  local module = table.remove(words, 1)
  local exported, out = require(module), {}
  local path = package.searchpath(module, package.path)
  for _, name in ipairs(public_names(exported, words)) do
    local value, full = exported[name], module:match "[^.]+$" .. "." .. name
    if type(value) == "function" and debug.getinfo(value, "S").what == "Lua" then
      out[#out + 1] = describe_function(full, value)
    elseif type(value) ~= "table" or getmetatable(value) then
      out[#out + 1] = describe_value(full, path, name)
    else
      describe_value(full, path, name) -- has a section of its own
    end
  end
  return table.concat(out, "\n\n")
end

-- Makes an object of each class, to look at its methods.
local objects = {}

local function client()
  return require("graphsocket").new { token = "t", base_url = "http://127.0.0.1:1" }
end

objects["graphsocket.client"] = client
objects["graphsocket.socket"] = function()
  return require("graphsocket.socketio").connect("http://127.0.0.1:1", { auto_connect = false })
end
objects["graphsocket.manager"] = function() return objects["graphsocket.socket"]().io end
objects["graphsocket.endpoint"] = function()
  local answer = { json = { notificationUrl = "https://example.com/" }, headers = {} }
  return require("graphsocket.endpoint").new(client(), { path = "/" }, answer)
end
objects["graphsocket.subscription"] = function()
  local sub = client():subscribe "/me/drive/root"
  sub:close()
  return sub
end
objects["graphsocket.watch"] = function()
  local watch = client():watch "/me/drive/root"
  watch:close()
  return watch
end
objects["graphsocket.nginx.share"] = function()
  return require("graphsocket.nginx.share").new {}
end
objects["graphsocket.error"] = function()
  return require("graphsocket.errors").new { kind = "usage", message = "m" }
end

function blocks.methods(_, arguments)
  local class, short, left_out = arguments:match "^(%S+) as (%S+)(.*)$"
  local object, out = objects[class](), {}
  local index = getmetatable(object).__index
  local methods = type(index) == "table" and index or select(2, debug.getupvalue(index, 1))
  for _, name in ipairs(public_names(methods)) do
    if not (left_out .. " "):find(" " .. name .. " ", 1, true) then
      out[#out + 1] = describe_function(short .. ":" .. name, methods[name])
    end
  end
  return table.concat(out, "\n\n")
end

function blocks.fields(classes, class)
  local rows = {}
  for _, field in ipairs(all_fields(classes, class)) do
    if field.name ~= "on" then rows[#rows + 1] = { code(field.name), code(field.type), field.text } end
  end
  return table_of({ "field", "type", "" }, rows)
end

function blocks.events(classes, class)
  local rows = {}
  for _, field in ipairs(all_fields(classes, class)) do
    local event, handler = field.type:match 'event: "?([%w_]+)"?, handler: fun(%b())'
    if field.name == "on" then
      if not event then error(class .. ": an event without a handler: " .. field.type, 0) end
      rows[#rows + 1] = { event == "string" and "any other" or code(event),
        code("fn" .. handler), field.text }
    end
  end
  return table_of({ "event", "handler", "" }, rows)
end

local function describe_default(rule)
  local value = rule.default
  if value == nil then return "" end
  if value == math.huge then return "unlimited" end
  if rule.unit == "bytes" and value % 2 ^ 20 == 0 then return ("%d MiB"):format(value / 2 ^ 20) end
  if type(value) == "string" then return code('"' .. value .. '"') end
  return code(type(value) == "number" and ("%.14g"):format(value) or tostring(value))
end

-- "graphsocket.watch.options" is the field options of graphsocket.watch.
local function find_schema(name)
  local module, field = name:match "^(.*)%.([%w_]+)$"
  return require(module)[field]
end

function blocks.options(classes, arguments)
  local class, schema_name, all = arguments:match "^(%S+) (%S+) ?(%S*)$"
  local schema, rows, seen, own = find_schema(schema_name), {}, {}, {}
  for _, field in ipairs(classes[class].fields) do own[field.name] = true end
  for _, field in ipairs(all_fields(classes, class)) do
    local name = field.name:gsub("%?$", "")
    local rule = schema[name] or error(class .. " has a field that is no option: " .. name, 0)
    seen[name] = true
    if own[field.name] or all == "all" then
      rows[#rows + 1] = { code(name), code(field.type) .. (rule.unit and ", " .. rule.unit or ""),
        rule.required and "required" or describe_default(rule), field.text }
    end
  end
  for name in pairs(schema) do
    if not seen[name] then error(class .. " lacks the option " .. name, 0) end
  end
  return table_of({ "option", "type", "default", "" }, rows)
end

-- Pages -----------------------------------------------------------------------

--- Returns a page with its blocks made anew.
---@param text string
---@return string
function reference.render(text)
  local classes = read_classes()
  return (text:gsub("(<!%-%- (%a+) ([^\n]-) %-%->\n).-(<!%-%- end %-%->)",
    function(head, kind, arguments, tail)
      local make = blocks[kind] or error("unknown block: " .. kind, 0)
      return head .. "\n" .. make(classes, arguments) .. "\n\n" .. tail
    end))
end

--- The pages that hold such blocks.
---@return string[] paths
function reference.pages()
  return output_of "grep -lE '^<!-- end -->' docs/reference/*.md"
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

if arg and arg[0] and arg[0]:find "reference%.lua$" then
  for _, path in ipairs(reference.pages()) do
    local text = reference.render(read(path))
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
  end
end

return reference
