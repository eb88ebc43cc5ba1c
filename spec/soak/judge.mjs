/** The verdict on a soak's samples: what was the same at each rest, and what grew. */
import { growth, grows } from "./flat.mjs";

/** Exactly the same at each rest. */
export const COUNTED = ["sockets", "other_fds", "threads"];
/** What must not grow. */
export const MEASURED = ["rss_kb", "lua_kb"];

/**
 * Prints a line for each, and tells what is wrong.
 * @param {object[]} samples taken at rest, with their `seconds`
 * @returns {string[]}
 */
export function judge(samples) {
  const failed = [];
  const times = samples.map(({ seconds }) => seconds);
  const values = (line) => samples.map((sample) => sample[line]);
  for (const line of COUNTED) {
    const seen = new Set(values(line));
    console.log(`${line.padEnd(10)}at rest ${[...seen].join(", ")}`);
    if (seen.size !== 1) failed.push(`${line}: not the same at each rest`);
  }
  for (const line of MEASURED) {
    const all = values(line);
    const { level, gain, error } = growth(times, all);
    console.log(
      `${line.padEnd(10)}first ${all[0]}, last ${all.at(-1)}; over the last two thirds ` +
        `${gain.toFixed(0)} more, with a standard error of ${error.toFixed(0)}; mean ${level.toFixed(0)}`,
    );
    if (grows(times, all)) failed.push(`${line} grows`);
  }
  return failed;
}
