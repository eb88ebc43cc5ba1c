/**
 * Subscriptions: made by a GET of …/subscriptions/socketIo, known to the socket
 * host by the token in their notificationUrl, over when they expire.
 */
import { EventEmitter } from "node:events";
import { sevenDigits } from "./clock.js";

const APPLICATION = "8082d436-5a5c-4a8b-9f5d-5f1f3a7d8a11";
/** s; setTimeout takes no more, and no test waits that long */
const LONGEST_TIMER = 2 ** 31 / 1000 - 1;
const CLIENT_STATE = "system-managed:8082D436-5A5C-4A8B-9F5D-5F1F3A7D8A11";

export class Subscriptions extends EventEmitter {
  /** @type {Map<string, object>} by id */ all = new Map();
  #by_token = new Map();
  #names = 0;

  constructor(sim) {
    super();
    this.sim = sim;
  }

  /** The answer to a GET: each one makes a subscription. */
  answer(library, { url }) {
    const body = {
      "@odata.context": `${new URL(url).origin}/v1.0/$metadata#subscriptions/$entity`,
    };
    // Plain lists are answered, but have nothing to connect to.
    if (!library.drive)
      return { ...body, id: this.sim.ids.guid(), clientState: CLIENT_STATE };
    const subscription = this.#make(library);
    const { id, expires_at, notification_url } = subscription;
    return {
      ...body,
      id,
      clientState: CLIENT_STATE,
      resource: library.list,
      notificationUrl: notification_url,
      ...(expires_at && { expirationDateTime: sevenDigits(expires_at) }),
    };
  }

  #make(library) {
    const { ids, settings, clock, sockets } = this.sim;
    const token = `${ids.hex(40)}+/${ids.hex(20)}==`;
    const query = `token=${encodeURIComponent(token)}&applicationId=${APPLICATION}`;
    const names = settings.socket_names;
    const turn = this.#names++;
    const host = sockets[turn % sockets.length];
    const origin = new URL(host.web.origin(names[turn % names.length]));
    if (library.socket_port) origin.port = library.socket_port;
    const lasts = settings.lifetime;
    const subscription = {
      id: ids.guid(),
      library,
      token,
      query,
      client_state: CLIENT_STATE,
      host: host.name,
      expired: false,
      notification_url: `${origin.origin}${settings.namespace}?${query}`,
      expires_at: lasts === null ? null : clock.now() + lasts * 1000,
    };
    this.all.set(subscription.id, subscription);
    this.#by_token.set(token, subscription);
    if (lasts !== null && lasts < LONGEST_TIMER)
      setTimeout(() => this.expire(subscription), lasts * 1000).unref();
    return subscription;
  }

  /** The subscription that a handshake's query names, or undefined. */
  of(query) {
    const found = this.#by_token.get(query.token);
    return query.applicationId === APPLICATION ? found : undefined;
  }

  /** From now on its token is refused; its sockets see what a setting says. */
  expire(subscription) {
    if (subscription.expired) return;
    subscription.expired = true;
    this.emit("expired", subscription);
  }
}
