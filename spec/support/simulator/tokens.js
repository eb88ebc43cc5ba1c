/** Bearer tokens: which are good, and Graph's words for those that are not. */
import { createHash } from "node:crypto";

const REASONS = {
  missing: "Access token is empty.",
  unknown: "CompactToken parsing failed with error code: 80049217",
  expired: "Lifetime validation failed, the token is expired.",
  revoked:
    "Continuous access evaluation resulted in challenge with result: " +
    "InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp",
};

/** What a continuous access challenge carries, decoded. */
export const CLAIMS =
  '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}';

/** A short hash: enough to see in a report that two values are the same. */
export const digest = (text) =>
  createHash("sha256").update(text).digest("hex").slice(0, 16);

export class Tokens {
  /** token -> { until: epoch ms, revoked, app } */
  #known = new Map();

  /**
   * @param {string} token
   * @param {{seconds?: number, app?: boolean}} [how] seconds: how long it
   *   lasts; app: without a user, which this service does not support
   */
  add(token, { seconds = Infinity, app = false } = {}) {
    const until = Date.now() + seconds * 1000;
    this.#known.set(token, { until, app, revoked: false });
  }

  /** Takes back |token|, or all: whoever comes with one is challenged. */
  revoke(token) {
    for (const [text, known] of this.#known)
      if (token === undefined || text === token) known.revoked = true;
  }

  /**
   * @param {string|undefined} header the value of Authorization
   * @returns {{right: boolean, app: boolean, revoked?: boolean,
   *   message?: string, seen: object|null}} seen: for the report, no secret
   */
  check(header) {
    const [, scheme, token] = /^(\S+)\s+(.*)$/.exec(header ?? "") ?? [];
    const known = this.#known.get(token);
    const bearer = scheme?.toLowerCase() === "bearer";
    const reason =
      !header || !bearer
        ? "missing"
        : !known
          ? "unknown"
          : known.revoked
            ? "revoked"
            : known.until <= Date.now()
              ? "expired"
              : undefined;
    return {
      right: !reason,
      app: known?.app ?? false,
      revoked: reason === "revoked",
      message: REASONS[reason],
      seen:
        header === undefined
          ? null
          : { scheme, sha256: digest(token ?? header), right: !reason },
    };
  }
}
