/** The control requests that spoil the network of a server behind a wire. */

/**
 * @param {string} path what the requests begin with: "/hosts"
 * @param {string} field that names the server: "host"
 * @param {(name: any) => import("./web.js").Web} find throws when there is none
 */
export const network = (path, field, find) => {
  const which = { [field]: "which one" };
  return {
    [`POST ${path}/stop`]: {
      does: "stops listening and ends every connection, like a killed server",
      takes: { ...which, rst: "true: by reset" },
      run: ({ [field]: name, rst }) => find(name).wire.stop(rst),
    },
    [`POST ${path}/start`]: {
      does: "comes back on the same port",
      takes: which,
      run: async ({ [field]: name }) => {
        await find(name).wire.start();
      },
    },
    [`POST ${path}/fault`]: {
      does: "spoils the network, for open and new connections",
      takes: {
        ...which,
        connections: "only these, by their numbers in the report",
        delay: "ms for each chunk",
        drip: "{ bytes, every }: in pieces",
        hole: "up, down, both: nothing passes; false: what waited passes",
        cut: "{ after, lane, rst }: ends after so many bytes",
        half_close: "up or down: this lane ends",
        twice: "{ after, lane }",
        connect: "ms before a connection reaches the server, or a list of them",
        end: "fin or rst: the connections are over",
        turns: "for new connections: list of { after, lane, within, faults }",
      },
      run: ({ [field]: name, connections, ...faults }) =>
        find(name).wire.fault(faults, connections),
    },
    [`POST ${path}/heal`]: {
      does: "ends all of that; what waited passes",
      takes: which,
      run: ({ [field]: name }) => find(name).wire.heal(),
    },
    [`POST ${path}/traffic`]: {
      does: "bytes that have passed so far, up and down",
      takes: which,
      run: ({ [field]: name }) => find(name).wire.traffic,
    },
    [`POST ${path}/certificate`]: {
      does: "shows another certificate to new connections",
      takes: {
        ...which,
        name:
          "server, expired, future, wrong-host, revoked, " +
          "other-ca-server, self-signed",
      },
      run: ({ [field]: name, name: certificate }) =>
        find(name).show(certificate),
    },
  };
};
