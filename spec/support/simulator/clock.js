/** The server's clock, which a setting can put wrong, and Graph's formats. */

/** @param {{clock: number}} settings */
export const clock = (settings) => ({
  /** @returns {number} epoch milliseconds as this server believes */
  now: () => Date.now() + settings.clock * 1000,
});

/** 2026-01-02T03:04:05.6780000Z: seven fractional digits, as Graph writes */
export const sevenDigits = (ms) =>
  new Date(ms).toISOString().replace("Z", "0000Z");

/** The last conversion: thousands of items of a page are of one moment. */
const last = { second: NaN, text: "" };

/** 2026-01-02T03:04:05Z */
export function wholeSeconds(ms) {
  const second = Math.floor(ms / 1000);
  if (second !== last.second) {
    last.second = second;
    last.text = new Date(second * 1000).toISOString().replace(".000Z", "Z");
  }
  return last.text;
}
