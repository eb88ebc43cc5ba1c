/**
 * Notifications: a change of an item, or a control request, becomes an event on
 * every joined socket whose subscription is of that drive or list.
 */
import { either } from "../common/events.js";
import { sevenDigits } from "./clock.js";

/** Sent before the transport must have taken them. */
const BATCH = 500;

export class Notifier {
  constructor(sim) {
    this.sim = sim;
    sim.world.on("change", (library, _item, notify) => {
      const { notify_delay, notify_repeat } = sim.settings;
      const count = notify ?? notify_repeat;
      const send = () => this.notify({ library, count });
      if (count > 0)
        notify_delay ? setTimeout(send, notify_delay).unref() : send();
    });
  }

  /** Payload A (2026) or B (2024, personal accounts), as observed. */
  payload({ shape, entries = 1 }, subscription) {
    const { world, settings } = this.sim;
    const { id, client_state, library, expires_at } = subscription;
    const expires = expires_at === null ? undefined : sevenDigits(expires_at);
    if ((shape ?? settings.payload) === "B")
      return {
        clientState: client_state,
        subscriptionId: id,
        subscriptionExpirationDateTime: expires,
        userId: world.user,
        resource: library.list,
      };
    const entry = {
      subscriptionId: id,
      clientState: client_state,
      expirationDateTime: expires,
      resource: library.list,
      tenantId: world.tenant,
      siteUrl: world.site_url,
      webId: world.web,
    };
    return { value: Array(entries).fill(entry) };
  }

  /**
   * @param {object} what library or subscription: whose sockets (none: all);
   *   count; shape, as, entries: see settings; event; data: the argument, or
   *   args: all of them, in place of a payload
   * @returns {Promise<number>} how many events were sent
   */
  async notify(what) {
    const records = this.sim.sockets
      .flatMap((host) => [...host.joined()])
      .filter(
        ({ subscription }) =>
          (!what.library || subscription.library === what.library) &&
          (!what.subscription || subscription.id === what.subscription),
      );
    const sent = await Promise.all(
      records.map((record) => this.#send(record, what)),
    );
    return sent.reduce((sum, count) => sum + count, 0);
  }

  #args(what, subscription) {
    if (what.args) return what.args;
    if (what.data !== undefined) return [what.data];
    const payload = this.payload(what, subscription);
    const text = (what.as ?? this.sim.settings.as) === "text";
    return [text ? JSON.stringify(payload) : payload];
  }

  async #send({ socket, conn, subscription }, what) {
    const { count = 1, event = "notification" } = what;
    const args = this.#args(what, subscription);
    for (let sent = 0; sent < count; sent++) {
      if (!socket.connected) return sent;
      socket.emit(event, ...args);
      this.sim.report.count("notifications");
      // A burst must not pile up here when the client reads slowly.
      if (sent % BATCH === BATCH - 1 && conn.writeBuffer.length > 0)
        await either(conn, "drain", "close");
    }
    return count;
  }
}
