/** The page: what nginx tells becomes what one sees. */
import { List } from "./list.js";
import { Rate } from "./rate.js";
import { follow } from "./stream.js";
import * as words from "./words.js";

const PATIENCE = 2_000; // ms that a connection may be away before much is made of it

const byId = (id) => document.getElementById(id);
const list = new List(byId("changes"), byId("empty"));
const rate = new Rate(byId("rate"), byId("rate-words"));
const paused = byId("paused");

let ahead = 0; // ms that nginx's clock is ahead of ours
const now = () => Date.now() + ahead;
const opened = now();

/** When it happened; when it was heard of, if that is not known. */
function when({ at, modified }) {
  const heard = at * 1000;
  return Math.min(Date.parse(modified) || heard, heard);
}

// ---- The two connections ---------------------------------------------------

const levels = { service: "wait", page: "wait" };
let pausing;

function pause() {
  const since = words.clock(now() - PATIENCE);
  paused.textContent =
    levels.service === "bad"
      ? "The watch has ended: nothing more will appear until it is mended and nginx reloaded."
      : `Paused since ${since}. Nothing is lost: what changes meanwhile appears afterwards.`;
  paused.hidden = false;
}

function show(id, [level, text]) {
  byId(id).dataset.level = level;
  byId(id).querySelector("dd").textContent = text;
  levels[id] = level;
  const isGood = levels.service === "good" && levels.page === "good";
  if (isGood) {
    clearTimeout(pausing);
    pausing = undefined;
    paused.hidden = true;
  } else pausing ??= setTimeout(pause, PATIENCE);
}

// ---- For those who listen to the page --------------------------------------

let unsaid = 0;
let latest;

function say() {
  const what = `${latest.kind}: ${words.visible(latest.name ?? "an item")}`;
  byId("announcement").textContent =
    unsaid === 1 ? what : `${words.count(unsaid, "change")}, at last ${what}`;
  unsaid = 0;
}

/** Many at a time are one sentence. */
function announce(change) {
  latest = change;
  unsaid += 1;
  if (unsaid === 1) setTimeout(say, 1_000);
}

// ---- What comes ------------------------------------------------------------

follow(
  {
    state({ now: theirs, service }) {
      ahead = theirs * 1000 - Date.now();
      show("service", words.service(service));
    },
    change(change) {
      change.when = when(change);
      const isFresh = change.at * 1000 >= opened;
      if (!list.change(change, isFresh)) return;
      rate.add(change.when);
      if (isFresh) announce(change);
    },
    gap({ from, to }) {
      const [lost, back] = [from, to].map((at) => words.clock(at * 1000));
      list.note(
        `Not connected from ${lost} to ${back}. What changed meanwhile is listed.`,
      );
    },
    resync() {
      list.note(
        "Microsoft Graph starts over: what is there may be listed again.",
      );
    },
    missed() {
      list.note(
        "This page was away for too long: some changes are not listed.",
      );
    },
  },
  (isOpen) => show("page", words.page(isOpen)),
);

setInterval(() => rate.draw(now()), 250);
