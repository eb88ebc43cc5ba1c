/**
 * --demo: a drive that lives, and a person who signs in. When the first socket
 * has joined, something changes every second, a few times; then the server says
 * goodbye. A device code is approved after a moment.
 */
import { once } from "node:events";
import { sleep } from "../common/process.js";

/** What happens in turn, for as long as there are changes. */
const STORY = [
  ["report.docx", {}],
  ["photo.jpg", {}],
  ["report.docx", { size: 2048 }],
  ["notes.txt", {}],
  ["photo.jpg", null],
];

/**
 * @param {object} sim @param {{changes: number, every: number}} how every: ms
 */
export async function demo(sim, { changes, every }) {
  const { login, world, sockets } = sim;
  login.on("code", async ({ user_code }) => {
    await sleep(every);
    login.decide("approved", user_code);
  });
  await Promise.race(sockets.map((host) => once(host, "joined")));
  const now = () => sim.clock.now();
  for (let at = 0; at < changes; at++) {
    await sleep(every);
    const [name, fields] = STORY[at % STORY.length];
    world.change(
      world.mine,
      `demo-${name}`,
      { name, ...fields },
      { now: now(), lag: sim.settings.delta_lag, deleted: fields === null },
    );
  }
  await sleep(every);
  for (const host of sockets)
    for (const record of host.joined()) host.disconnect(record, "server");
}
