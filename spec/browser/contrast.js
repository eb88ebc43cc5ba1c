/** How well the text of a page can be read, as WCAG 2.2 reckons it. */

/** Runs in the page: the lowest contrast of visible text, by class or tag. */
function measure() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour)
      .slice(0, 3)
      .map((value) => value / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const isClear = (colour) => channels(colour)[3] === 0;
  const ground = (element) => {
    const { backgroundColor } = getComputedStyle(element);
    return isClear(backgroundColor) && element.parentElement
      ? ground(element.parentElement)
      : backgroundColor;
  };
  const hasText = (element) =>
    [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.data.trim(),
    );
  const found = {};
  for (const element of document.querySelectorAll("body *")) {
    if (!hasText(element) || !element.checkVisibility()) continue;
    const pair = [getComputedStyle(element).color, ground(element)].map(
      luminance,
    );
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    const kind = element.closest("[data-kind]")?.dataset.kind ?? "";
    const name = `${kind} ${element.className || element.tagName}`.trim();
    found[name] = Math.min(found[name] ?? Infinity, ratio);
  }
  return found;
}

/** @param page of Playwright @returns {Promise<Record<string, number>>} */
export const contrasts = (page) => page.evaluate(measure);
