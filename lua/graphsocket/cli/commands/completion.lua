--- graphsocket completion: the completions for a shell, which argparse makes
--- from the parser.

local completion = {
  name = "completion",
  summary = "Print the completions for bash, zsh or fish.",
  description = "Prints the completions of this command for a shell to read. "
    .. "make install and the Debian package bring them for all users.",
  examples = { "graphsocket completion bash" },
  has_own_output = true,
}

--- The shells; argparse has a function for each.
completion.SHELLS = { "bash", "zsh", "fish" }

function completion.arguments(command)
  command:argument("shell", "The shell: bash, zsh or fish.")
    :choices(completion.SHELLS)
end

function completion.run(session)
  -- The parser needs this module, so this is not required on top.
  local parser = require("graphsocket.cli.arguments").parser()
  session.out:raw(parser["get_" .. session.values.shell .. "_complete"](parser))
end

return completion
