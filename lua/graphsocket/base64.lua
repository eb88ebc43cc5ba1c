--- Base64 (RFC 4648), for the little that Lua needs of it: what a server puts
--- into a header or a token, and bytes that are shown as JSON. Attachments of an
--- Engine.IO connection are the core's affair.
-- Pure.

local base64 = {}

local ALPHABET =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local VALUES = {}
for i = 1, #ALPHABET do VALUES[ALPHABET:byte(i)] = i - 1 end
-- The alphabet of section 5, for URLs.
VALUES[("-"):byte()], VALUES[("_"):byte()] = 62, 63

--- Encodes, with padding, in the alphabet of section 4.
---@param bytes string
---@return string
function base64.encode(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    local word = ""
    for shift = 18, 0, -6 do
      local index = math.floor(bits / 2 ^ shift) % 64
      word = word .. ALPHABET:sub(index + 1, index + 1)
    end
    out[#out + 1] = c and word or b and word:sub(1, 3) .. "="
      or word:sub(1, 2) .. "=="
  end
  return table.concat(out)
end

--- Decodes either alphabet, with padding or without.
---@param text string
---@return string|nil bytes nil: it is none
function base64.decode(text)
  local out, bits, count = {}, 0, 0
  -- From the start: "=+$" would try each of a million paddings inside.
  local letters = text:match("^([^=]*)=*$")
  for i = 1, letters and #letters or 0 do
    local value = VALUES[letters:byte(i)]
    if not value then return nil end
    bits, count = bits * 64 + value, count + 6
    if count >= 8 then
      count = count - 8
      local byte = math.floor(bits / 2 ^ count)
      out[#out + 1] = string.char(byte)
      bits = bits - byte * 2 ^ count
    end
  end
  return letters and table.concat(out)
end

return base64
