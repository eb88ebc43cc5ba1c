local core = require "graphsocket.core"
local helper = require "spec.helper"
local loop = require "graphsocket.loop"
local status = require "graphsocket.cli.status"

describe("the status line", function()
  helper.in_frozen_time()

  local terminal, on_error = core.terminal, loop.on_error
  after_each(function() core.terminal, loop.on_error = terminal, on_error end)

  it("is over for good when its terminal goes, should it come back", function()
    local columns, raised
    core.terminal = function() return columns end
    loop.on_error = function(err) raised = err end
    local line = status.new(true)
    line:show(function() return "" end)
    helper.advance(0.1) -- drawn, if there were a terminal
    columns = 80
    helper.advance(2)
    line:close()
    assert.is_nil(raised)
  end)
end)
