/**
 * Servers that are late at random, so that what a spec takes for granted of the
 * order of things shows (make late). With LATE=30 in the environment, most of
 * what they are sent and send waits up to 30 ms, and a little up to a second, as
 * on a machine that stalls: bytes through a wire, requests of Graph, those of a
 * control port and the answers to these, the steps of a scripted peer. The order
 * on a connection stays; without LATE nothing waits.
 */
import { sleep } from "./process.js";

const MOST = Number(process.env.LATE ?? 0);

/** Of what happens, so much is late: what is always late is only slow. */
const SHARE = 0.7;

/** So seldom a machine stalls, and is late by so much more. */
const STALLS = 0.005;
const STALL = 40;

/** @returns {number} ms that the next thing waits */
export const lateness = () => {
  if (MOST === 0 || Math.random() >= SHARE) return 0;
  return Math.random() * MOST * (Math.random() < STALLS ? STALL : 1);
};

/** Is over when the next thing may happen. */
export const late = async () => {
  const ms = lateness();
  if (ms > 0) await sleep(ms);
};

/** A request comes late. @returns {Promise<boolean>} false: its client has left */
export const arrives = async (response) => {
  let has_left = false;
  response.once("close", () => (has_left = true));
  await late();
  return !has_left;
};
