/**
 * The example for nginx, examples/openresty, as a person sees it: its live page
 * in headless Chromium, while the drive changes, nginx is reloaded, and the
 * service goes away and comes back. One page stays open all the time.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, describe, it } from "node:test";
import { launch } from "../support/test/helper.js";
import { Browser } from "./browser.js";
import { contrasts } from "./contrast.js";
import { Example } from "./example.js";
import { metricsOf } from "./metrics.js";

const WIDTH = 360;

let sim;
let example;
let browser;
let page; // stays open

const create = (name, more) => sim.post("/items/create", { name, ...more });

/** Waits until a row says this. */
const row = (text, of = page) =>
  of.locator("#changes > li", { hasText: text }).first().waitFor();

const says = (id, text) =>
  page.waitForFunction(
    ([of, words]) =>
      document.querySelector(`#${of} dd`).textContent.includes(words),
    [id, text],
  );

before(async () => {
  sim = await launch("simulator");
  example = await Example.start({
    GRAPH_TOKEN: sim.where.token,
    GRAPH_BASE_URL: sim.where.graph,
    GRAPH_CA_FILE: sim.where.ca,
  });
  browser = await Browser.start(example.url);
  page = await browser.open();
});

after(async () => {
  await browser?.close();
  await example?.end();
  await sim?.end();
});

describe("the live page", () => {
  it("says that it listens, and that nothing has changed yet", async () => {
    await says("service", "Listening");
    await says("page", "Connected");
    assert.ok(await page.getByText("Nothing has changed yet").isVisible());
    assert.equal(await page.locator("#changes > li").count(), 0);
  });

  it("shows a change: what, how, by whom, where and when", async () => {
    const fields = {
      lastModifiedBy: { user: { displayName: "Front desk" } },
      parentReference: { path: "/drives/x/root:/Plans%20of%20May/A%26B" },
    };
    await create("report.docx", { id: "report", fields });
    await row("report.docx");
    const change = page.locator(".change").first();
    assert.equal(await change.locator(".kind").textContent(), "created");
    const about = await change.locator(".about").textContent();
    assert.equal(about, "by Front desk in\u00a0/Plans of May/A&B");
    assert.match(
      await change.locator("time").textContent(),
      /^\d\d:\d\d:\d\d$/,
    );
    assert.equal(
      await change.getByRole("img").getAttribute("aria-label"),
      "file",
    );
    assert.ok(await page.getByText("Nothing has changed yet").isHidden());
    await page.getByText("1 change in the last 5 minutes").waitFor();
  });

  it("tells a folder from a file", async () => {
    await create("Minutes", { fields: { folder: { childCount: 0 } } });
    await row("Minutes");
    await page.locator(".change").first().getByLabel("folder").waitFor();
  });

  it("knows what a deleted item was called", async () => {
    await sim.post("/items/delete", { id: "report" });
    await row("deleted");
    const change = page.locator('.change[data-kind="deleted"]');
    assert.equal(await change.locator(".name").textContent(), "report.docx");
  });

  it("tells those who listen to it", async () => {
    await create("spoken.txt");
    await page
      .locator('[aria-live="polite"]', { hasText: "created: spoken.txt" })
      .waitFor();
  });

  it("shows names as they are, whatever is in them", async () => {
    const names = {
      '<img src=x onerror="alert(1)">.txt': undefined,
      "</li><script>alert(1)</script>": undefined,
      "a\u202etxt.exe": "a[U+202E]txt.exe",
      "line one\nline two": "line one[U+000A]line two",
      "événement 🧭 日本語.pdf": undefined,
      ["long-".repeat(200)]: undefined,
    };
    for (const name of Object.keys(names)) await create(name);
    const wanted = Object.entries(names).map(([name, shown]) => shown ?? name);
    await row(wanted.at(-1));
    const shown = await page.locator(".change .name").allTextContents();
    assert.deepEqual(shown.slice(0, wanted.length).reverse(), wanted);
    assert.equal(
      await page.locator("img, iframe, script:not([src])").count(),
      0,
    );
    assert.deepEqual(browser.dialogs, []);
    const { height } = await page.locator(".change").first().boundingBox();
    assert.ok(height < 150, `a name of 1,000 letters takes ${height} px`);
  });

  it("would not let markup in, if a mistake of ours did", async () => {
    const raised = await page.evaluate(() => {
      try {
        document.body.innerHTML = "<img src=x onerror=alert(1)>";
        return "nothing";
      } catch (error) {
        return error.name;
      }
    });
    assert.equal(raised, "TypeError");
    browser.forgive("This document requires 'TrustedHTML' assignment");
  });

  it("shows another page what was there before it", async () => {
    const other = await browser.open();
    await row("report.docx", other);
    const rows = (of) => of.locator(".change .name").allTextContents();
    assert.deepEqual(await rows(other), await rows(page));
    await other.close();
  });

  it("sends a page that comes back what it has missed, and no more", async () => {
    const all = await example.events();
    const ids = all.filter(({ id }) => id).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    const missed = await example.events(ids.at(-3));
    assert.deepEqual(
      missed.filter(({ id }) => id).map(({ id }) => id),
      ids.slice(-2),
    );
    const [first] = await example.events("1-1");
    assert.equal(first.event, "missed", "an id of another nginx");
  });
});

describe("the look of the page", () => {
  for (const colorScheme of ["light", "dark"])
    it(`fits a phone in ${colorScheme} mode, and can be read`, async () => {
      const phone = await browser.open({
        colorScheme,
        viewport: { width: WIDTH, height: 640 },
      });
      await row("report.docx", phone);
      const wide = await phone.evaluate(() =>
        [...document.querySelectorAll("main *")]
          .filter((one) => one.getBoundingClientRect().right > innerWidth)
          .map((one) => one.className || one.tagName),
      );
      assert.deepEqual(wide, []);
      assert.equal(
        await phone.evaluate(() => document.documentElement.scrollWidth),
        WIDTH,
      );
      for (const [what, ratio] of Object.entries(await contrasts(phone)))
        assert.ok(ratio >= 4.5, `${what} has a contrast of ${ratio} : 1`);
      await phone.close();
    });

  it("changes with the colours of the system", async () => {
    const colours = () =>
      page.evaluate(() => {
        const { backgroundColor, color } = getComputedStyle(document.body);
        return [backgroundColor, color];
      });
    await page.emulateMedia({ colorScheme: "light" });
    const light = await colours();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await colours();
    assert.notEqual(light[0], dark[0]);
    assert.notEqual(light[1], dark[1]);
  });

  it("keeps still for those who ask for it", async () => {
    const moving = () =>
      page.evaluate(() => {
        const sample = document.createElement("li");
        sample.className = "change fresh";
        document.getElementById("changes").append(sample);
        const { animationName } = getComputedStyle(sample);
        sample.remove();
        return animationName !== "none";
      });
    await page.emulateMedia({ reducedMotion: "no-preference" });
    assert.equal(await moving(), true);
    await page.emulateMedia({ reducedMotion: "reduce" });
    assert.equal(await moving(), false);
  });
});

describe("nginx", () => {
  it("fetches anew what was cached of a changed item, and nothing else", async () => {
    await create("cached.txt", {
      id: "cached",
      fields: { parentReference: { id: "shelf" } },
    });
    await row("cached.txt");
    const get = async (item) => {
      const answer = await example.get(`items/${item}`);
      return [answer.headers.get("x-cache"), await answer.text()];
    };
    const made = {};
    for (const item of ["cached", "shelf", "other"]) {
      made[item] = (await get(item))[1];
      assert.deepEqual(await get(item), ["HIT", made[item]]);
    }
    await sim.post("/items/update", { id: "cached", name: "cached anew.txt" });
    await row("cached anew.txt");
    for (const item of ["cached", "shelf"]) {
      const [state, text] = await get(item);
      assert.equal(state, "MISS");
      assert.notEqual(text, made[item]);
    }
    assert.deepEqual(await get("other"), ["HIT", made.other]);
  });

  it("answers to its own names only", async () => {
    // A page of elsewhere may give its name our address (DNS rebinding).
    const status = async (host, path) => {
      const url = new URL(path, example.url);
      const request = http.get(url, { headers: { Host: host } });
      const [answer] = await once(request, "response");
      answer.destroy();
      return answer.statusCode;
    };
    const { port } = new URL(example.url);
    for (const path of ["", "events", "metrics", "items/x", "application/x"]) {
      assert.equal(await status(`elsewhere.test:${port}`, path), 421, path);
      for (const name of ["localhost", "127.0.0.1"])
        assert.equal(await status(`${name}:${port}`, path), 200, path);
    }
  });

  it("shows every answer with the same strict headers", async () => {
    for (const path of ["", "live.js", "metrics", "items/x"]) {
      const { headers } = await example.get(path);
      const policy = headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/, path);
      assert.equal(headers.get("x-content-type-options"), "nosniff", path);
      assert.equal(headers.get("referrer-policy"), "no-referrer", path);
      const resource = headers.get("cross-origin-resource-policy");
      assert.equal(resource, "same-origin", path);
    }
  });

  it("tells Prometheus how it is", async () => {
    const answer = await example.get("metrics");
    assert.match(
      answer.headers.get("content-type"),
      /^text\/plain; version=0\.0\.4/,
    );
    const { value, types } = metricsOf(await answer.text());
    const of = { resource: "/me/drive/root" };
    await example.until(async () => {
      const now = metricsOf(await (await example.get("metrics")).text());
      return now.value("graphsocket_items_total", of) >= 10;
    }, "the changes are counted");
    assert.equal(value("graphsocket_owned"), 1);
    assert.equal(value("graphsocket_state", { ...of, state: "joined" }), 1);
    assert.equal(value("graphsocket_state", { ...of, state: "failed" }), 0);
    assert.equal(value("graphsocket_connects_total", of), 1);
    assert.ok(value("live_cache_versions_total") >= 10);
    for (const worker of ["0", "1"])
      assert.equal(value("graphsocket_events_dropped_total", { worker }), 0);
    assert.equal(types.graphsocket_items_total, "counter");
    assert.equal(types.graphsocket_state, "gauge");
  });

  it("goes on after a reload, and the page with it", async () => {
    const old = example.workers();
    example.reload();
    await example.gone(old);
    await create("after the reload.txt");
    await row("after the reload.txt");
    await says("service", "Listening");
    await says("page", "Connected");
  });
});

describe("a service that goes away", () => {
  it("is missed, and what changes after it is back is shown", async () => {
    const { graph, socket, control } = sim.where;
    const port = (url) => new URL(url).port;
    const again = [
      "--port",
      port(graph),
      "--socket-port",
      port(socket),
      "--control-port",
      port(control),
    ];
    await sim.end();
    await says("service", "out of reach");
    await page.getByText("Paused since").waitFor();
    sim = await launch("simulator", again);
    // Its drive begins anew, so the place in its feed is none any more.
    await sim.post("/delta/resync");
    await says("service", "Listening");
    assert.ok(await page.getByText("Paused since").isHidden());
    await row("Not connected from");
    await row("starts over");
    await create("after the restart.txt");
    await row("after the restart.txt");
  });
});

describe("after all that", () => {
  it("it is still the same page, without an error or a dialog", async () => {
    assert.equal(browser.loads(page), 1);
    assert.deepEqual(browser.dialogs, []);
    assert.deepEqual(browser.complaints(), []);
  });

  it("nginx has logged no error, and ends with its workers", async () => {
    const workers = example.workers();
    const log = await example.end();
    assert.deepEqual(
      log.match(/^.*\[(error|crit|alert|emerg)\].*$/gm) ?? [],
      [],
    );
    await example.gone(workers);
  });
});
