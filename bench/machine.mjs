/** What the figures were measured with: the machine, and the versions of what was compared. */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { cpus, loadavg, release, type } from "node:os";

const require = createRequire(new URL("../spec/support/", import.meta.url));

/** The first line that |command| prints that has a version, from it on. */
function version(...command) {
  const text = execFileSync("sh", ["-c", '"$@" 2>&1', "sh", ...command], { encoding: "utf8" });
  return /\d+\.\d[\w.-]*\w/.exec(text)[0];
}

const library = (name) => `${name} ${version("pkg-config", "--modversion", name)}`;
const PYTHON = "from importlib.metadata import version; print(version('python-socketio'))";

export function machine() {
  const { model } = cpus()[0];
  const { version: client } = require("socket.io-client/package.json");
  return [
    `${cpus().length} x ${model.trim()}, ${process.arch}, ${type()} ${/^\d+\.\d+/.exec(release())}, ` +
      `load ${loadavg()[0].toFixed(1)} before`,
    `Lua ${version("lua5.4", "-v")}, LuaJIT ${version("luajit", "-v")}, ` +
      ["libwebsockets", "libuv", "libcurl", "openssl"].map(library).join(", "),
    `Node ${process.versions.node}, socket.io-client ${client}, Python ` +
      `${version("/usr/bin/python3", "--version")}, python-socketio ${version("/usr/bin/python3", "-c", PYTHON)}`,
  ].join("\n");
}
