/** What a process holds, as the kernel tells: descriptors, threads, memory, CPU. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** inode of a socket -> the port that it is connected to */
function remotePorts(pid) {
  const ports = new Map();
  for (const family of ["tcp", "tcp6"]) {
    for (const line of readFileSync(`/proc/${pid}/net/${family}`, "utf8").split("\n").slice(1)) {
      const words = line.trim().split(/\s+/);
      if (words.length > 9) ports.set(words[9], parseInt(words[2].split(":")[1], 16));
    }
  }
  return ports;
}

/** Where a descriptor leads; "" if it was closed meanwhile. */
function target(pid, name) {
  try {
    return readlinkSync(`/proc/${pid}/fd/${name}`);
  } catch {
    return "";
  }
}

/**
 * How many descriptors lead to the socket host, how many to Graph, how many elsewhere.
 * @param {{socket: number, graph: number}} ports
 */
function descriptors(pid, ports) {
  const remote = remotePorts(pid);
  const count = { sockets: 0, graph: 0, other_fds: 0 };
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    const leads = target(pid, name);
    const port = remote.get(/^socket:\[(\d+)\]$/.exec(leads)?.[1]);
    if (port === ports.socket) count.sockets++;
    else if (port === ports.graph) count.graph++;
    else if (leads) count.other_fds++;
  }
  return count;
}

/** @returns {object} sockets, graph, other_fds, threads, rss_kb, cpu_s */
export function holdings(pid, ports) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const number = (name) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)[1]);
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return {
    ...descriptors(pid, ports),
    threads: number("Threads"),
    rss_kb: number("VmRSS"),
    cpu_s: (Number(stat[11]) + Number(stat[12])) / 100,
  };
}
