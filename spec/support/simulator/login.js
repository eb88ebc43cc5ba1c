/**
 * The login service: device codes (RFC 8628), refresh tokens with rotation, and
 * its error bodies. The user is played by control requests (approve, decline).
 */
import { EventEmitter } from "node:events";
import { digest } from "./tokens.js";

const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** OAuth error -> [AADSTS number, words, further fields] */
const ERRORS = {
  authorization_pending: [70016, "Authorization is pending. Continue polling."],
  slow_down: [70016, "Polling too fast. Slow down."],
  authorization_declined: [70010, "The user declined the request."],
  expired_token: [70020, "The device code is expired."],
  bad_verification_code: [70018, "The device code is not valid."],
  invalid_grant: [70008, "The refresh token is expired, revoked or was used."],
  invalid_request: [90014, "A required field is missing from the request."],
  invalid_client: [
    7000218,
    "The request must contain 'client_assertion' or 'client_secret'.",
  ],
  unauthorized_client: [
    700016,
    "The application was not found in the directory.",
  ],
  invalid_scope: [
    70011,
    "The provided value for the input parameter 'scope' is not valid.",
  ],
  unsupported_grant_type: [
    70003,
    "The app requested an unsupported grant type.",
  ],
  consent_required: [
    65001,
    "The user or administrator has not consented to use the application.",
    { error: "invalid_grant", suberror: "consent_required" },
  ],
  interaction_required: [
    50076,
    "You must use multi-factor authentication.",
    { error: "interaction_required", suberror: "basic_action" },
  ],
  temporarily_unavailable: [
    90033,
    "A transient error has occurred. Please try again.",
  ],
};

/** The body of an error, also of one that a fault asks for. */
export function loginErrors(code, message, ids) {
  const [number, words, extra] = ERRORS[code] ?? [50000, message];
  return {
    error: code,
    ...extra,
    error_description:
      `AADSTS${number}: ${words} Trace ID: ${ids["request-id"]}` +
      ` Correlation ID: ${ids["client-request-id"]} Timestamp: ${ids.date}Z`,
    error_codes: [number],
    timestamp: `${ids.date}Z`,
    trace_id: ids["request-id"],
    correlation_id: ids["client-request-id"],
  };
}

/** Emits "code" with each device code that it gives. */
export class Login extends EventEmitter {
  /** @type {Map<string, object>} by device code */ codes = new Map();
  /** refresh token -> { client_id, scope, used } */
  #refresh = new Map();
  #codes = 0;

  constructor(sim) {
    super();
    this.sim = sim;
  }

  routes() {
    return [
      [
        "devicecode",
        "/{tenant}/oauth2/v2.0/devicecode",
        (call) => this.#device(call),
      ],
      ["token", "/{tenant}/oauth2/v2.0/token", (call) => this.#token(call)],
    ];
  }

  /** What the user does with a code: approve, decline, or let it expire. */
  decide(state, user_code) {
    const found = [...this.codes.values()].filter(
      (code) => user_code === undefined || code.user_code === user_code,
    );
    for (const code of found) code.state = state;
    return found.length;
  }

  /** Refresh tokens given so far are worth nothing any more. */
  revoke() {
    this.#refresh.clear();
  }

  /** A refresh token that is good without a device code before it. */
  grant(client_id, scope = "Files.Read offline_access") {
    const token = `simulated-refresh-${this.sim.ids.hex(40)}`;
    this.#refresh.set(token, { client_id, scope, used: false });
    return token;
  }

  #fields(call) {
    const fields = Object.fromEntries(new URLSearchParams(call.text));
    call.entry.form = Object.fromEntries(
      Object.entries(fields).map(([name, value]) =>
        /token|code$|secret/.test(name)
          ? [name, `sha256:${digest(value)}`]
          : [name, value],
      ),
    );
    return fields;
  }

  #fail(call, code, status = 400) {
    return this.sim.login_host.error(call, status, code, "");
  }

  #device(call) {
    const { client_id, scope } = this.#fields(call);
    if (call.method !== "POST" || !client_id || !scope)
      return this.#fail(call, "invalid_request");
    const { ids, settings } = this.sim;
    const code = {
      device_code: `simulated-device-${ids.hex(40)}`,
      user_code: `SIM${String(++this.#codes).padStart(6, "0")}`,
      client_id,
      scope,
      tenant: call.params.tenant,
      state: "pending",
      until: Date.now() + settings.device_lifetime * 1000,
      polled: -Infinity,
    };
    this.codes.set(code.device_code, code);
    this.emit("code", code);
    const verification_uri = "https://microsoft.com/devicelogin";
    return {
      status: 200,
      body: {
        device_code: code.device_code,
        user_code: code.user_code,
        verification_uri,
        expires_in: settings.device_lifetime,
        interval: settings.device_interval,
        message:
          "To sign in, use a web browser to open the page " +
          `${verification_uri} and enter the code ${code.user_code} to authenticate.`,
      },
    };
  }

  #token(call) {
    const fields = this.#fields(call);
    if (call.method !== "POST" || !fields.grant_type || !fields.client_id)
      return this.#fail(call, "invalid_request");
    if (fields.grant_type === DEVICE_GRANT) return this.#poll(call, fields);
    if (fields.grant_type === "refresh_token") return this.#renew(call, fields);
    return this.#fail(call, "unsupported_grant_type");
  }

  #poll(call, { device_code, client_id }) {
    const code = this.codes.get(device_code);
    if (!code || code.client_id !== client_id)
      return this.#fail(call, "bad_verification_code");
    if (code.state === "expired" || Date.now() > code.until)
      return this.#fail(call, "expired_token");
    if (code.state === "declined")
      return this.#fail(call, "authorization_declined");
    if (code.state === "approved") {
      this.codes.delete(device_code);
      return this.#issue(code);
    }
    const soon =
      Date.now() - code.polled < this.sim.settings.device_interval * 1000;
    code.polled = Date.now();
    return this.#fail(call, soon ? "slow_down" : "authorization_pending");
  }

  #renew(call, { refresh_token, client_id }) {
    const known = this.#refresh.get(refresh_token);
    if (
      !known ||
      known.client_id !== client_id ||
      (known.used && this.sim.settings.refresh_once)
    )
      return this.#fail(call, "invalid_grant");
    known.used = true;
    return this.#issue(known);
  }

  #issue({ client_id, scope }) {
    const { ids, settings, tokens } = this.sim;
    const access_token = `simulated-access-${ids.hex(40)}`;
    const expires_in = settings.token_lifetime;
    tokens.add(access_token, { seconds: expires_in });
    this.sim.report.count("tokens");
    return {
      status: 200,
      body: {
        token_type: "Bearer",
        scope,
        expires_in,
        ext_expires_in: expires_in,
        access_token,
        refresh_token: this.grant(client_id, scope),
      },
    };
  }
}
