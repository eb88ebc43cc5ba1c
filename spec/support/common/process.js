/**
 * How every server here lives: it prints one JSON line when it is ready, and
 * ends with the pipe on its stdin, so that it cannot outlive the test that
 * started it. A stdin that is a terminal, a file or /dev/null is not watched:
 * there SIGTERM or Ctrl-C ends it.
 */
import { fstatSync } from "node:fs";

function ownedByPipe() {
  try {
    const stdin = fstatSync(0);
    return stdin.isFIFO() || stdin.isSocket();
  } catch {
    return false; // stdin is closed
  }
}

/**
 * Prints |where| as one line and arranges for the end of the process.
 * @param {object} where
 */
export function ready(where) {
  const end = () => process.exit(0);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, end);
  // A reader that is gone is no reason for a stack trace.
  process.stdout.on("error", end);
  if (ownedByPipe()) process.stdin.on("end", end).on("error", end).resume();
  process.stdout.write(`${JSON.stringify(where)}\n`);
}

/** Ends the process with one line that says what is wrong. */
export function fail(error) {
  const text = process.env.GRAPHSOCKET_TRACE ? error.stack : error.message;
  process.stderr.write(`${text}\n`);
  process.exit(error.usage ? 2 : 1);
}

/** @param {number} ms */
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
