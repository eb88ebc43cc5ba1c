--- graphsocket watch: what changed, each change at least once.
--
-- A change counts as delivered when its line is written or its command has
-- ended with 0. The place in the feed moves when all changes of a round are:
-- so what ends this command in the middle costs that they come again.

local change = require "graphsocket.cli.change"
local child = require "graphsocket.cli.child"
local convert = require "graphsocket.cli.convert"
local errors = require "graphsocket.errors"
local follow = require "graphsocket.cli.follow"
local graph = require "graphsocket.cli.graph"
local loop = require "graphsocket.loop"
local output = require "graphsocket.cli.output"
local text = require "graphsocket.cli.text"

local watch = {
  name = "watch",
  summary = "Say what has changed, or run a command for it.",
  description = "Prints each change of a drive or list, or runs a command for "
    .. "it. With --state it goes on at the next start where it was. Each "
    .. "change comes at least once: a command that fails is run again before "
    .. "the place moves on.\n\nThe command of --exec finds the change in "
    .. "GRAPHSOCKET_KIND (created, updated, deleted), _ID, _NAME, _PATH, "
    .. "_DRIVE_ID, and as JSON on its standard input; that of --exec-batch "
    .. "finds GRAPHSOCKET_CHANGES (how many) and a JSON line for each.",
  examples = {
    "graphsocket watch /me/drive/root --state drive.state",
    "graphsocket watch /me/drive/root --from beginning --once --json",
    "graphsocket watch /me/drive/root --exec 'echo \"$GRAPHSOCKET_PATH\"'",
  },
}

--- Seconds that a round which is under way may take when the command ends, and
--- a command that runs.
local PATIENCE, COMMAND_PATIENCE = 1, 5

--- Changes of an unfinished round whose commands are remembered as done.
local MAX_DONE = 100000

function watch.arguments(command)
  command:argument("resource", "Path of a drive or list, such as "
    .. "/me/drive/root."):convert(convert.resource)
  command:option("--state", "File that keeps the place in the feed; without "
    .. "it each start begins anew."):argname "FILE":convert(convert.line)
  command:option("--from", "Where to begin without a kept place: now, or the "
    .. "beginning (all there is comes as changes).")
    :choices { "now", "beginning" }:argname "WHERE"
  command:option("--poll", "Look at least every so many seconds; 300.")
    :argname "SECONDS":convert(convert.seconds)
  command:flag("--once", "End after the first round of changes, be it empty.")
  command:option("--timeout", "End after so many seconds, with exit code 124.")
    :argname "SECONDS":convert(convert.seconds)
  command:mutex(
    command:option("--exec", "Shell command to run for each change.")
      :argname "CMD":convert(convert.command),
    command:option("--exec-batch", "Shell command to run for all changes of a "
      .. "round."):target "exec_batch":argname "CMD":convert(convert.command))
  graph.options(command)
end

function watch.check(values)
  if values.json and (values.exec or values.exec_batch) then
    return "--json and --exec do not go together: the command gets the JSON"
  end
end

local COLOURS = { created = "green", updated = "yellow", deleted = "red" }

local function show(out, record)
  out:record("change", record)
  out:line(("%s  %s  %s"):format(
    out:clock(),
    out.paint(COLOURS[record.kind], text.pad(record.kind, 7)),
    change.label(record)))
  if out:is_closed() then
    error(errors.new {
      kind = "closed", code = "outputClosed", message = "nobody reads any more",
    }, 0)
  end
end

-- Runs the command for a change, unless it was run for it in an earlier attempt
-- at the same round.
local function execute(self, record)
  local key = change.key(record)
  if self.done[key] then return end
  self.out.status:hide()
  local ok, err = child.must_run(self.values.exec, change.environment(record),
    output.encode(record) .. "\n")
  if not ok then error(err, 0) end
  if self.done_count < MAX_DONE then
    self.done[key], self.done_count = true, self.done_count + 1
  end
end

local function execute_batch(self, summary)
  self.out.status:hide()
  local ok, err = child.must_run(self.values.exec_batch, {
    GRAPHSOCKET_CHANGES = ("%d"):format(#self.batch),
    GRAPHSOCKET_CREATED = ("%d"):format(summary.created),
    GRAPHSOCKET_UPDATED = ("%d"):format(summary.updated),
    GRAPHSOCKET_DELETED = ("%d"):format(summary.deleted),
    GRAPHSOCKET_RESYNC = summary.resync or "",
    GRAPHSOCKET_RESOURCE = self.values.resource,
    GRAPHSOCKET_ROUND = ("%d"):format(summary.round),
  }, table.concat(self.batch))
  if not ok then error(err, 0) end
end

local function on_change(self, item, context)
  local record = change.record(item, context, self.values.resource)
  self.in_round = self.in_round + 1
  if self.values.exec then
    execute(self, record)
  elseif self.values.exec_batch then
    self.batch[#self.batch + 1] = output.encode(record) .. "\n"
  else
    show(self.out, record)
  end
  self.tally:count()
  self.out.status:changed()
end

local function begin_round(self)
  self.in_round, self.batch = 0, {}
end

local function on_sync(self, summary)
  begin_round(self)
  self.done, self.done_count, self.failures = {}, 0, 0
  self.out:aside("sync", {
    round = summary.round, items = summary.items, created = summary.created,
    updated = summary.updated, deleted = summary.deleted,
    pages = summary.pages, resync = summary.resync,
  })
  self.out:detail(("round %d: %s"):format(summary.round,
    text.count(summary.items, "change")))
  if self.round_over then self.round_over:resolve() end
  if self.values.once then self.session:finish(0) end
end

local function progress(self)
  if self.target:stats().phase ~= "round" or self.in_round < 100 then return end
  return ("reading the feed, %s so far, %s/s"):format(
    text.count(self.in_round, "item"), text.amount(self.tally:rate(5)))
end

-- An error may be one of the connection, or of a page that is asked for again;
-- if it ended the round, that begins with its first change again.
local function on_error(self)
  local failures = self.target:stats().failures
  if failures == self.failures then return end
  self.failures = failures
  begin_round(self)
  if self.round_over then self.round_over:resolve() end
end

-- Lets a round that is under way come to its end, so that its changes need not
-- come again; but not for long, and not if nobody sees them.
local function let_end(self, reason)
  self.round_over = loop.future()
  child.end_all(COMMAND_PATIENCE)
  if reason == "output" or self.target:stats().phase ~= "round" then return end
  self.round_over:await(PATIENCE)
end

function watch.run(session)
  local client, err = graph.client(session)
  if not client then return session:fail(err) end
  local values = session.values
  local target
  target, err = client:watch(values.resource, {
    state = values.state, from = values.from, poll = values.poll,
  })
  if not target then return session:fail(err) end
  local self = {
    session = session, values = values, out = session.out, target = target,
    done = {}, done_count = 0, batch = {}, in_round = 0, failures = 0,
    round_over = nil,
  }
  child.prepare()
  self.tally = follow.start(session, target, "change",
    function() return progress(self) end)
  session:on_end(function(reason) let_end(self, reason) end)
  target:on("change", function(...) on_change(self, ...) end)
  target:on("commit", function(summary)
    if values.exec_batch then execute_batch(self, summary) end
  end)
  target:on("resync", function(reason)
    session.out:news("the service starts its feed over: " .. reason, "yellow")
    session.out:aside("resync", { reason = reason })
  end)
  target:on("error", function() on_error(self) end)
  target:on("sync", function(summary) on_sync(self, summary) end)
  return session:await()
end

return watch
