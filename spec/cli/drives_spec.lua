local command = require "spec.cli.command"
local simulator = require "spec.simulator"

describe("graphsocket drives", function()
  local sim
  setup(function() sim = simulator.start() end)
  teardown(function() sim:stop() end)
  before_each(function() sim:reset() end)

  local function run(...)
    return command.run(command.graph(sim), "drives", ...)
  end

  it("shows what may be watched, and how to", function()
    local code, out = run()
    assert.equal(0, code)
    local lines = command.lines(out)
    assert.matches("^ORIGIN  TYPE      NAME            RESOURCE$", lines[1])
    assert.equal(("mine    business  OneDrive        /drives/%s/root"):format(sim.ids.drive),
      lines[2])
    assert.equal(("shared  business  Shared with me  /drives/%s/root")
      :format(sim.ids.shared_drive), lines[3])
    for i = 2, 3 do
      code = command.run(command.graph(sim), "endpoint", lines[i]:match "/drives.*")
      assert.equal(0, code)
    end
  end)

  it("shows the libraries of sites", function()
    local code, out = run("--site", "simul", "--json")
    assert.equal(0, code)
    local records = command.records(out, "drive")
    assert.equal(2, #records)
    assert.equal(sim.ids.library_drive, records[1].id)
    assert.equal("Simulated Site", records[1].site)
    assert.equal("documentLibrary", records[1].driveType)
    local _, none, err = run("--site", "nothing")
    assert.matches("^ORIGIN[^\n]*\n$", none)
    assert.equal("no site is found by 'nothing'\n", err)
  end)

  it("follows pages, and no link to another server", function()
    sim:fault {
      on = "drive", path = "/me/drives",
      merge = { ["@odata.nextLink"] = sim.graph .. "/me/drives?page=2" },
    }
    local code, out = run("--no-shared")
    assert.equal(0, code)
    assert.equal(2, #command.lines(out), "the same drive is shown once")
    assert.equal(2, #sim:requests "drive")
    sim:fault {
      on = "drive", path = "/me/drives",
      merge = { ["@odata.nextLink"] = "https://elsewhere.example/me/drives" },
    }
    local _, err
    code, _, err = run("--no-shared")
    assert.equal(1, code)
    assert.matches("leads to another server", err)
  end)

  it("shows one's own drives where the others cannot be had", function()
    sim:fault { on = "drive", path = "sharedWithMe", status = 403, code = "accessDenied" }
    local code, out, err = run()
    assert.equal(0, code)
    assert.matches("OneDrive", out)
    assert.matches("403", err)
  end)
end)
