-- docs/conformance.md as text: for scripts/conformance, which writes it, and
-- for spec/conformance_spec.lua, which compares the page with the data.

local page = {}

local HEAD = [[
# Conformance

What the tests of socket.io-client, engine.io-client and socket.io-parser and
the documents of both protocols ask of a client, in our words, and whether this
one does it. Written by `scripts/conformance` from a run of the specs named in
the last column; the data is `spec/conformance.lua`. Out of scope are HTTP
long-polling, WebTransport, and what only a browser has.

| area | behaviour | Lua 5.4 | LuaJIT | shown by, or why not |
| --- | --- | --- | --- | --- |
]]

local function escape(text)
  return (text:gsub("|", "\\|"))
end

-- One row of the page; `results` are of Lua 5.4 and LuaJIT.
---@param row table of spec/conformance.lua
---@param results table|nil "pass" each by default
---@return string
function page.row(row, results)
  local result = row.out_of_scope and "out of scope"
  local one, two = result, result
  if not result then
    results = results or { "pass", "pass" }
    one, two = results[1], results[2]
  end
  local why = row.out_of_scope or ("`%s`"):format(row.spec)
  return ("| %s | %s | %s | %s | %s |\n"):format(row.area,
    escape(row.behaviour), one, two, escape(why))
end

---@param rows table
---@param results table|nil row -> its results
---@return string
function page.text(rows, results)
  local lines = { HEAD }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = page.row(row, results and results[row])
  end
  return table.concat(lines)
end

return page
