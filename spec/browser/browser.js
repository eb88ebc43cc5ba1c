/**
 * Headless Chromium, and what a page must not do: open dialogs, break its own
 * rules for content, or raise errors.
 */
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export class Browser {
  dialogs = [];
  #complaints = [];
  #forgiven = [];
  #loads = new Map(); // page -> how often it was loaded

  static async start(url) {
    // Chromium refuses to run as root with its sandbox.
    const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
    const engine = await chromium.launch({ executablePath: CHROMIUM, args });
    return new Browser(engine, url);
  }

  constructor(engine, url) {
    this.engine = engine;
    this.url = url;
  }

  /** @param {object} [how] as of Playwright's newContext */
  async open(how) {
    const context = await this.engine.newContext(how);
    const page = await context.newPage();
    page.on("dialog", async (dialog) => {
      this.dialogs.push(dialog.message());
      await dialog.dismiss();
    });
    page.on("console", (message) => {
      if (message.type() === "error") this.#complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.#complaints.push(error.message));
    page.on("load", () => this.#loads.set(page, this.loads(page) + 1));
    await page.goto(this.url);
    return page;
  }

  /** How often a page was loaded. */
  loads(page) {
    return this.#loads.get(page) ?? 0;
  }

  /** A complaint that a test has provoked. @param {string} text in it */
  forgive(text) {
    this.#forgiven.push(text);
  }

  /** What the console says of errors and of broken rules. */
  complaints() {
    return this.#complaints.filter(
      (text) => !this.#forgiven.some((part) => text.includes(part)),
    );
  }

  close() {
    return this.engine.close();
  }
}
