/**
 * What the page says: states, times and names in words. Pure, but for the clock
 * that tells today from other days.
 */

/** A state of the watch: how it is (good, wait, bad), and what it means. */
export function service({ state, reason, again_at }) {
  switch (state) {
    case "joined":
    case "renewing":
      return ["good", "Listening: changes appear as they happen"];
    case "fetching":
    case "connecting":
      return ["wait", "Connecting to Microsoft Graph"];
    case "waiting": {
      const again = again_at ? `next try at ${clock(again_at * 1000)}` : "";
      return [
        "wait",
        ["Microsoft Graph is out of reach", again].filter(Boolean).join("; "),
      ];
    }
    case "failed":
      return [
        "bad",
        `Microsoft Graph refused for good: ${visible(reason ?? "no reason given")}`,
      ];
    default:
      return ["wait", "Not watched at the moment"];
  }
}

/** The connection of this page. */
export const page = (isOpen) =>
  isOpen ? ["good", "Connected"] : ["wait", "Cut off from nginx, trying again"];

const pad = (number) => String(number).padStart(2, "0");

/** A time of day; with the date, if it is not today. */
export function clock(ms) {
  const at = new Date(ms);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map(pad)
    .join(":");
  if (at.toDateString() === new Date().toDateString()) return time;
  const date = at.toLocaleDateString("en", { day: "numeric", month: "short" });
  return `${date}, ${time}`;
}

/**
 * Characters that act instead of being seen: controls, and those that turn the
 * direction of writing, with which "gpj.exe" can look like "exe.jpg".
 */
const ACTING =
  /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

const code = (character) =>
  `[U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`;

/** A text of somebody else with nothing hidden in it. */
export const visible = (text) => text.replace(ACTING, code);

/** "1 change", "2 changes" */
export const count = (number, word) =>
  `${number} ${word}${number === 1 ? "" : "s"}`;

/** Who did it and where, as far as it is known. */
export const about = ({ by, folder }) =>
  [by && `by ${visible(by)}`, folder && `in\u00a0${visible(folder)}`]
    .filter(Boolean)
    .join(" ");
