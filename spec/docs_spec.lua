-- The reference must name everything that a script can use, as the annotations
-- of the code have it.

local helper = require "spec.helper"

describe("the reference", function()
  local reference = dofile "scripts/reference.lua"

  for _, path in ipairs(reference.pages()) do
    it("is what the annotations say: " .. path, function()
      local text = helper.read(path)
      assert.is_true(text == reference.render(text), "stale: run make docs")
    end)
  end
end)
