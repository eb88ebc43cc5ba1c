/**
 * What the reference servers do for a client's spec, the same on Socket.IO 4
 * and 2 as far as both can. `acked` below means: the answer goes to the
 * acknowledgement if one was asked for, else back as an event of that name.
 */
import { sleep } from "../common/process.js";

const split = (args) => {
  const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
  return [args, ack];
};

/** name -> (context, args, ack): { does, run } */
export const EVENTS = {
  hi: {
    does: "comes back without arguments",
    run: ({ socket }) => socket.emit("hi"),
  },
  echo: {
    does: "acked with its arguments, whatever they are",
    run: (_, args, answer) => answer(...args),
  },
  count: {
    does: "(n, …args) n events item(i, …args) in order, then done(n)",
    run: ({ socket }, [n, ...args]) => {
      for (let i = 1; i <= n; i++) socket.emit("item", i, ...args);
      socket.emit("done", n);
    },
  },
  bytes: {
    does: "(n, text) acked with n bytes, or characters if text is true",
    run: (_, [n, text], answer) =>
      answer(text ? "x".repeat(n) : Buffer.alloc(n, "x")),
  },
  slow: {
    does: "(ms, …args) acked with args after so long",
    run: async (_, [ms, ...args], answer) => {
      await sleep(ms);
      answer(...args);
    },
  },
  never: { does: "never acked", run: () => {} },
  flaky: {
    does: "(n, key, …args) silent until the nth time with this key, then acked",
    run: ({ log }, [n, key, ...args], answer) => {
      log.tries[key] = (log.tries[key] ?? 0) + 1;
      if (log.tries[key] >= n) answer(log.tries[key], ...args);
    },
  },
  arrive: {
    does:
      "(key, n) kept in a list of that key, acked with n; the server emits " +
      "arrived(n)",
    run: ({ log, socket }, [key, n], answer) => {
      (log.arrivals[key] ??= []).push(n);
      socket.emit("arrived", n);
      answer(n);
    },
  },
  arrivals: {
    does: "(key) acked with that list",
    run: ({ log }, [key], answer) => answer(log.arrivals[key] ?? []),
  },
  ask: {
    does:
      "(…args) the server emits question(…args) with an acknowledgement, " +
      "then answered(…reply)",
    run: ({ socket }, args) =>
      socket.emit("question", ...args, (...reply) =>
        socket.emit("answered", ...reply),
      ),
  },
  ask_within: {
    does: "(ms, …args) the same with a time limit: answered(error, …reply)",
    run: ({ socket }, [ms, ...args]) =>
      socket
        .timeout(ms)
        .emit("question", ...args, (error, ...reply) =>
          socket.emit("answered", error?.message ?? null, ...reply),
        ),
  },
  volatile: {
    does: "(n) n volatile events item(i), then done(n)",
    run: ({ socket }, [n]) => {
      for (let i = 1; i <= n; i++) socket.volatile.emit("item", i);
      socket.emit("done", n);
    },
  },
  compressed: {
    does: "(on, …args) back as compressed(…args) with that flag",
    run: ({ socket }, [on, ...args]) =>
      socket.compress(on).emit("compressed", ...args),
  },
  join: {
    does: "(room) acked",
    run: async ({ socket }, [room], answer) => {
      await socket.join(room);
      answer(room);
    },
  },
  leave: {
    does: "(room) acked",
    run: async ({ socket }, [room], answer) => {
      await socket.leave(room);
      answer(room);
    },
  },
  to_room: {
    does: "(room, event, …args) to all in the room, the sender too",
    run: ({ socket }, [room, event, ...args]) =>
      socket.nsp.to(room).emit(event, ...args),
  },
  broadcast: {
    does: "(event, …args) to all but the sender",
    run: ({ socket }, [event, ...args]) =>
      socket.broadcast.emit(event, ...args),
  },
  message: {
    does: "acked, or sent back with send()",
    run: ({ socket }, args, answer, ack) =>
      ack ? ack(...args) : socket.send(...args),
  },
  id: {
    does: "acked with the socket's id",
    run: ({ socket }, _, answer) => answer(socket.id),
  },
  handshake: {
    does:
      "acked with what the server saw: headers, query, auth, url, remote " +
      "address, tls, engine, protocol, extensions, recovered",
    run: (context, _, answer) => answer(handshake(context)),
  },
  log: {
    does: "acked with the names of the events received so far on this server",
    run: ({ log }, _, answer) => answer(log.events.map(({ event }) => event)),
  },
  raw: {
    does: "(data) an Engine.IO message, as it is: for malformed packets",
    run: ({ socket }, [data]) => socket.conn.send(data),
  },
  leave_me: {
    does: "(close) the server disconnects; close: the transport too",
    run: ({ socket }, [close]) => socket.disconnect(close === true),
  },
  close_transport: {
    does: "the server closes the transport",
    run: ({ socket }) => socket.conn.close(),
  },
  cut: {
    does: "(reset) the TCP connection ends without a goodbye",
    run: ({ connection }, [reset]) => connection?.end(reset === true),
  },
};

function handshake({ socket, connection }) {
  const { headers, query, auth, url, address, secure } = socket.handshake;
  const { request } = socket;
  const { conn } = socket;
  const tls = request.socket ?? request.connection;
  const peer = tls.getPeerCertificate?.();
  const websocket = conn.transport.socket;
  return {
    headers,
    query,
    auth: auth ?? null,
    url,
    address,
    secure,
    remote: connection?.remote ?? null,
    raw_url: request.url,
    tls: tls.getProtocol
      ? {
          version: tls.getProtocol(),
          name: tls.servername || null,
          alpn: tls.alpnProtocol || null,
          client: peer?.subject?.CN ?? null,
          resumed: tls.isSessionReused(),
        }
      : null,
    engine: conn.protocol ?? 3,
    protocol: websocket?.protocol || null,
    extensions: websocket?.extensions ?? "",
    recovered: socket.recovered ?? false,
    id: socket.id,
    namespace: socket.nsp.name,
  };
}

/** Namespaces beside "/", each with the events above. */
export const NAMESPACES = {
  "/chat": { does: "another namespace" },
  "/auth": {
    does:
      "admits who has auth.token (v2: token in the namespace's query) " +
      '"secret"; else "not authorized" with data { code, auth }',
    admit: (socket) => {
      const auth = socket.handshake.auth ?? socket.handshake.query;
      if (auth.token !== "secret")
        throw Object.assign(new Error("not authorized"), {
          data: { code: "E_AUTH", auth },
        });
    },
  },
  "/refuse": {
    does: 'refuses everybody: "refused" with data { retry_after: 5 }',
    admit: () => {
      throw Object.assign(new Error("refused"), { data: { retry_after: 5 } });
    },
  },
  "/refuse-plain": {
    does: "refuses without data",
    admit: () => {
      throw new Error("refused");
    },
  },
  "/silent": { does: "never answers", admit: () => new Promise(() => {}) },
  "/slow": {
    does: "answers after auth.ms (v2: query)",
    admit: async (socket) =>
      sleep(
        Number((socket.handshake.auth ?? socket.handshake.query).ms ?? 100),
      ),
  },
  "/greets": {
    does: "emits hello(id), then binary, at once when somebody joins",
    joined: (socket) => {
      socket.emit("hello", socket.id);
      socket.emit("binary", Buffer.from([0, 1, 2, 255]));
    },
  },
  "/kicks": {
    does: "disconnects everybody at once",
    joined: (socket) => socket.disconnect(),
  },
};

/** Names that get a namespace when somebody asks. */
export const DYNAMIC = /^\/dynamic-\d+$/;

/**
 * Gives the events to |socket|.
 * @param {object} context { socket, connection, log }
 */
export function behave(context) {
  const { socket, log } = context;
  // Both versions hand each packet to middleware before its listeners; v2 has
  // no onAny, and its middleware sees the acknowledgement as last argument.
  socket.use(([event, ...given], next) => {
    const [args, ack] = split(given);
    log.received(socket, event, args, ack !== undefined);
    const known = EVENTS[event];
    const answer = ack ?? ((...values) => socket.emit(event, ...values));
    Promise.resolve(known?.run(context, args, answer, ack)).catch((error) =>
      process.stderr.write(`${error.stack}\n`),
    );
    next();
  });
}
