/**
 * The connection of this page to nginx: Server-Sent Events, never given up.
 *
 * The browser itself comes back when the connection breaks, and tells the last id
 * that it has seen. Two things it does not do: it gives up on an answer like
 * 502, and it does not notice a connection that died without a word. nginx says
 * something every 15 seconds, so silence means that.
 */

const SILENCE = 38_000; // ms
const AGAIN = 2_000; // ms

/**
 * @param {Record<string, (data: object, id: string) => void>} handlers by event
 * @param {(isOpen: boolean) => void} onStatus
 */
export function follow(handlers, onStatus) {
  let source;
  let timer;
  let last = "";

  function openIn(ms) {
    clearTimeout(timer);
    timer = setTimeout(open, ms);
  }

  function onEvent({ type, data, lastEventId }) {
    last = lastEventId || last;
    openIn(SILENCE);
    handlers[type](JSON.parse(data), lastEventId);
  }

  function open() {
    source?.close();
    source = new EventSource(last ? `events?after=${last}` : "events");
    for (const name of Object.keys(handlers))
      source.addEventListener(name, onEvent);
    source.onopen = () => onStatus(true);
    source.onerror = () => {
      onStatus(false);
      if (source.readyState === EventSource.CLOSED) openIn(AGAIN);
    };
    openIn(SILENCE);
  }

  addEventListener("online", open);
  open();
}
