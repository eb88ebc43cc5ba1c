/** Waiting for events of emitters that may fail or close meanwhile. */

/**
 * Like events.once, which would fail at an "error".
 * @returns {Promise<any>} the first argument of the event
 */
export const after = (emitter, event) =>
  new Promise((done) => emitter.once(event, done));

/** Until one of |events| comes; leaves no listener behind. */
export const either = (emitter, ...events) =>
  new Promise((done) => {
    const end = () => {
      for (const event of events) emitter.off(event, end);
      done();
    };
    for (const event of events) emitter.on(event, end);
  });
