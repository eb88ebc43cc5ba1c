/**
 * What can be set at the start (--name VALUE, or --set name=VALUE) and while
 * the simulator runs (POST /settings). One table for both, and for the help.
 *
 * Units: milliseconds, but seconds for what the service itself states in
 * seconds or as a date (lifetime, clock, token_lifetime, device_*).
 */
import { Refusal } from "../common/control.js";

/** name -> default, what it is, and which values are allowed. */
export const SETTINGS = {
  ping_interval: [25000, "ms between the server's pings"],
  ping_timeout: [20000, "ms that it waits for a pong"],
  connect_timeout: [45000, "ms that a connection may stay without namespace"],
  namespace: ["/notifications", "path of the notificationUrl"],
  socket_names: [["localhost"], "host names for notificationUrls, in turn"],
  lifetime: [1200, "s until a subscription expires; null: none is stated"],
  expiry: [
    "close",
    "what its sockets then see: close (of the transport), " +
      "disconnect (of the namespace), silent",
    ["close", "disconnect", "silent"],
  ],
  payload: [
    "A",
    "shape of notifications: A (2026) or B (2024, personal)",
    ["A", "B"],
  ],
  as: [
    "text",
    "argument of the event: text (JSON in a string) or object",
    ["text", "object"],
  ],
  notify_delay: [0, "ms from a change to its notification"],
  notify_repeat: [1, "events for each change"],
  delta_lag: [0, "ms until delta shows a change"],
  delta_duplicates: [
    false,
    "delta shows a changed item twice in a page, " + "its older version first",
  ],
  page_size: [200, "items in a page of delta where $top does not say"],
  clock: [0, "s that the server's clock is ahead"],
  gzip: [false, "compress every answer for who accepts it"],
  token_lifetime: [3600, "s that an access token of the login service lasts"],
  device_lifetime: [900, "s that a device code lasts"],
  device_interval: [5, "s that a device code's polls must be apart"],
  refresh_once: [true, "a refresh token is good for one use"],
};

/** The settings that may be null as well. */
const NULLABLE = new Set(["lifetime"]);

function check(name, value) {
  if (!(name in SETTINGS)) {
    const known = Object.keys(SETTINGS).join(", ");
    throw new Refusal(`unknown setting "${name}", known: ${known}`);
  }
  const [standard, , choices] = SETTINGS[name];
  if (value === null && NULLABLE.has(name)) return;
  const fits = choices
    ? choices.includes(value)
    : Array.isArray(standard)
      ? Array.isArray(value) && value.length > 0
      : typeof value === typeof standard;
  if (!fits) {
    const wanted = choices
      ? choices.join(" or ")
      : Array.isArray(standard)
        ? "a list"
        : `a ${typeof standard}`;
    throw new Refusal(`setting "${name}" must be ${wanted}`);
  }
}

/**
 * The defaults, and over them what is given.
 * @param {object} given
 */
export function settings(given) {
  const values = Object.fromEntries(
    Object.entries(SETTINGS).map(([name, [standard]]) => [name, standard]),
  );
  return change(values, given);
}

/** Changes |values| in place, or throws and changes nothing. */
export function change(values, given) {
  for (const [name, value] of Object.entries(given)) check(name, value);
  return Object.assign(values, given);
}

/** Reads the text of a command line: JSON where it is JSON, else the text. */
export function parse(name, text) {
  if (name in SETTINGS && typeof SETTINGS[name][0] === "string") return text;
  if (text === "none") return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
