/**
 * What goes wrong on purpose: rules for the next requests of a kind, in the
 * order they were added. A rule either answers in place of the service
 * (status, body, fill, endless), changes its answer (merge), or only spoils
 * the delivery (stall, drip, cut, hang …); all may be combined.
 */
import { Refusal } from "../common/control.js";

/** What can fail; "any" is every HTTP request of Graph and login. */
export const KINDS = [
  "any",
  "subscription",
  "delta",
  "item",
  "drive",
  "site",
  "me",
  "devicecode",
  "token",
  "other",
  "handshake",
  "namespace",
];

/** The fields of a rule, for the help. */
export const FIELDS = {
  on: `what fails: ${KINDS.join(", ")}`,
  path: "only where the path contains this text",
  times: 'how many requests; default 1, "always" until cleared',
  skip: "let so many pass first",
  status: "answer with this status instead",
  code: "error code of the body (Graph's, or OAuth's for devicecode and token)",
  message: "error message of the body",
  inner_code: "code of innerError",
  retry_after: "Retry-After: a number of seconds or a text, as it is",
  retry_after_date: "Retry-After as the date so many seconds from now",
  lower_case: "header names of the answer in lower case (HTTP/1.1)",
  headers: "further headers, { name: value }",
  claims: "true: WWW-Authenticate carries a claims challenge",
  body: "the body: text as it is, anything else as JSON",
  merge:
    'set fields of the true answer\'s JSON; null removes; "$self" is the ' +
    "request's own URL",
  fill: "JSON body padded to so many bytes",
  endless: "a body without end",
  gzip: "compress the body",
  stall: "ms before the headers",
  stall_body: "ms between headers and body",
  drip: "{ bytes, every }: the body in pieces, ms apart",
  cut: "end the connection after so many bytes of the body; -1: before headers",
  rst: "a cut is a reset",
  hang: "never answer (handshake: no HTTP answer; namespace: no 40)",
  data: "namespace: the refusal (44) has this data; its words are the message",
};

/** Graph's code and message where a rule gives only a status. */
const STANDARD = {
  400: ["invalidRequest", "Invalid request"],
  401: [
    "InvalidAuthenticationToken",
    "Access token has expired or is not yet valid.",
  ],
  403: ["accessDenied", "Access denied"],
  404: ["itemNotFound", "The resource could not be found."],
  409: ["nameAlreadyExists", "The specified item name already exists."],
  410: [
    "resyncRequired",
    "Resync required. Replace any local items with the server's version.",
  ],
  429: ["activityLimitReached", "The request has been throttled"],
  500: ["generalException", "General exception while processing"],
  502: ["BadGateway", "Bad gateway"],
  503: [
    "serviceNotAvailable",
    "The service is not available. Try the request again after a delay.",
  ],
  504: ["GatewayTimeout", "The gateway timed out"],
};

/** Codes that service-facts lists, with the words that come with them. */
const MESSAGES = {
  notSupported: "Operation not supported",
  SyncStateNotFound:
    "The sync state generation is not found. Synchronization must restart.",
  resyncChangesApplyDifferences:
    "Resync required. Replace any local items with the server's version.",
  resyncChangesUploadDifferences:
    "Resync required. Upload any local items that the service did not return.",
};

export const standardError = (status, code) => {
  const [standard, message] = STANDARD[status] ?? [
    "generalException",
    "Failed",
  ];
  return [code ?? standard, MESSAGES[code] ?? message];
};

export class Faults {
  #rules = [];
  #last = 0;

  /** @param {object} rule see FIELDS @returns {number} its id */
  add(rule) {
    if (!KINDS.includes(rule.on))
      throw new Refusal(`"on" must be one of ${KINDS.join(", ")}`);
    const id = ++this.#last;
    const { times = 1, skip = 0 } = rule;
    const left = times === "always" ? Infinity : times;
    if (!(left > 0)) throw new Refusal('"times" must be positive or "always"');
    this.#rules.push({ ...rule, id, left, skip });
    return id;
  }

  /** Removes the rule |id|, or all of one kind, or all. */
  clear({ id, on } = {}) {
    this.#rules = this.#rules.filter(
      (rule) => (id !== undefined && rule.id !== id) || (on && rule.on !== on),
    );
  }

  list() {
    return this.#rules.map((rule) => ({
      ...rule,
      left: rule.left === Infinity ? "always" : rule.left,
    }));
  }

  /**
   * The rule for a request of |kind|, which is used up by one, or undefined.
   * @param {string} kind @param {string} path
   */
  take(kind, path) {
    const http = kind !== "handshake" && kind !== "namespace";
    const rule = this.#rules.find(
      ({ on, path: part }) =>
        (on === kind || (on === "any" && http)) &&
        (part === undefined || path.includes(part)),
    );
    if (!rule) return undefined;
    if (rule.skip > 0) return void rule.skip--;
    if (--rule.left <= 0) this.clear({ id: rule.id });
    return rule;
  }
}
