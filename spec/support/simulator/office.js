/**
 * --office: a drive in which people work for as long as the simulator runs, at
 * times alone, at times many at once, and at times not. For pages to look at.
 */
import { sleep } from "../common/process.js";
import { identifiers } from "./random.js";

const FILES = {
  "/Finance/2026": ["Budget.xlsx", "Forecast.xlsx", "Invoices.pdf"],
  "/Design": ["Logo.svg", "Cover.png", "Type specimen.pdf"],
  "/Projects/Bridge": ["Plan.docx", "Survey.csv", "Site photo.jpg"],
  "/Projects/Harbour": ["Tender.docx", "Tide table.csv", "Crane.dwg"],
  "/Scans": ["Letter.pdf", "Receipt.pdf", "Contract.pdf"],
};
const WHO = ["Accounting", "Design", "Engineering", "Front desk", "Scanner"];
/** What they do, as often as it stands here. */
const DEEDS =
  "create create create folder update update update update delete".split(" ");
const MOST = 40; // items that are there at a time

export class Office {
  #items = [];
  #made = 0;

  /** @param {object} sim @param {number} seed */
  constructor(sim, seed) {
    this.sim = sim;
    this.random = identifiers(seed);
  }

  /** @returns {number} from 0 to 1 */
  #fraction() {
    return parseInt(this.random.hex(8), 16) / 2 ** 32;
  }

  #pick(list) {
    return list[Math.floor(this.#fraction() * list.length)];
  }

  #tell({ id, folder, shown }, deleted = false) {
    const { world, clock, settings } = this.sim;
    const { drive, type } = world.mine;
    const fields = {
      ...shown,
      lastModifiedBy: { user: { displayName: this.#pick(WHO) } },
      parentReference: {
        driveId: drive,
        driveType: type,
        id: `office${folder}`,
        path: encodeURI(`/drives/${drive}/root:${folder}`),
      },
    };
    const how = { now: clock.now(), lag: settings.delta_lag, deleted };
    world.change(world.mine, id, fields, how);
  }

  #create(isFolder) {
    const folder = this.#pick(Object.keys(FILES));
    const number = ++this.#made;
    const [stem, ending] = this.#pick(FILES[folder]).split(".");
    const item = {
      id: `office-${number}`,
      folder,
      shown: isFolder
        ? { name: `Archive ${number}`, folder: { childCount: 0 } }
        : { name: `${stem} ${number}.${ending}`, size: 1 },
    };
    this.#items.push(item);
    this.#tell(item);
  }

  #update() {
    const item = this.#pick(this.#items);
    item.shown.size = (item.shown.size ?? 0) + 1;
    this.#tell(item);
  }

  #delete() {
    const item = this.#pick(this.#items);
    this.#items = this.#items.filter((one) => one !== item);
    this.#tell(item, true);
  }

  /** Something happens. */
  work() {
    const deed = this.#items.length > MOST ? "delete" : this.#pick(DEEDS);
    if (this.#items.length === 0 || deed === "create") this.#create(false);
    else if (deed === "folder") this.#create(true);
    else if (deed === "update") this.#update();
    else this.#delete();
  }

  /** Works, and never returns. */
  async run() {
    for (;;) {
      const deeds = this.#fraction() < 0.15 ? 6 : 1;
      for (let left = deeds; left > 0; left--) this.work();
      await sleep(300 + this.#fraction() * 4700);
    }
  }
}
