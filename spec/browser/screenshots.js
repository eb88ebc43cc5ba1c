#!/usr/bin/env node
/**
 * Takes the pictures of the live page that the guide shows:
 *
 *   node spec/browser/screenshots.js docs/images
 *
 * The drive is the simulator's, and its last five minutes are made up here, so
 * that the pictures look alike each time. Fonts are those of the machine.
 */
import { join } from "node:path";
import { launch } from "../support/test/helper.js";
import { Browser } from "./browser.js";
import { Example } from "./example.js";

const PICTURES = {
  "live-page.png": {
    viewport: { width: 880, height: 760 },
    colorScheme: "light",
  },
  "live-page-phone.png": {
    viewport: { width: 360, height: 760 },
    colorScheme: "dark",
  },
};

/** Seconds ago, name, folder, by whom; the kind, if it is not "updated". */
const HISTORY = [
  [7, "Site photo 12.jpg", "/Projects/Bridge", "Engineering", "created"],
  [9, "Budget.xlsx", "/Finance/2026", "Accounting"],
  [21, "Tender, final (2).docx", "/Projects/Harbour", "Front desk"],
  [38, "Scans of May", "/Scans", "Scanner", "folder"],
  [39, "Receipt 0117.pdf", "/Scans", "Scanner", "created"],
  [40, "Receipt 0118.pdf", "/Scans", "Scanner", "created"],
  [64, "Logo.svg", "/Design", "Design"],
  [66, "Cover.png", "/Design", "Design"],
];

/** The rest is below the edge of the pictures, but not of the plot. */
const EARLIER = [
  71, 72, 73, 80, 84, 101, 103, 118, 119, 121, 122, 123, 124, 126, 142, 155,
  171, 172, 188, 190, 191, 205, 221, 223, 224, 226, 227, 228, 240, 262, 263,
  279, 281, 284, 291,
];

const iso = (ms) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

function create(sim, [age, name, folder, by, kind]) {
  const at = Date.now() - age * 1000;
  const isNew = kind === "created" || kind === "folder";
  return sim.post("/items/create", {
    name,
    notify: 0,
    fields: {
      ...(kind === "folder" && { folder: { childCount: 0 } }),
      createdDateTime: iso(isNew ? at : at - 86_400_000),
      lastModifiedDateTime: iso(at),
      lastModifiedBy: { user: { displayName: by } },
      parentReference: { path: `/drives/x/root:${folder}` },
    },
  });
}

async function fill(sim) {
  const earlier = EARLIER.map((age) => [
    age,
    `Survey ${age}.csv`,
    "/Projects/Bridge",
    "Engineering",
  ]);
  for (const change of [...HISTORY, ...earlier].reverse())
    await create(sim, change);
  await sim.post("/notify");
}

const [folder] = process.argv.slice(2);
const sim = await launch("simulator");
const {
  token: GRAPH_TOKEN,
  graph: GRAPH_BASE_URL,
  ca: GRAPH_CA_FILE,
} = sim.where;
const example = await Example.start({
  GRAPH_TOKEN,
  GRAPH_BASE_URL,
  GRAPH_CA_FILE,
});
const browser = await Browser.start(example.url);
try {
  const first = await browser.open();
  await first.getByText("Listening").waitFor();
  await fill(sim);
  await first.getByText(HISTORY[0][1]).waitFor();
  for (const [name, how] of Object.entries(PICTURES)) {
    const page = await browser.open({ ...how, deviceScaleFactor: 1.5 });
    await page.getByText(HISTORY[0][1]).waitFor();
    await page.getByText("Connected").waitFor();
    await page.getByText(/^\d+ changes in the last/).waitFor();
    await page.screenshot({ path: join(folder, name), animations: "disabled" });
  }
} finally {
  await browser.close();
  await example.end();
  await sim.end();
}
