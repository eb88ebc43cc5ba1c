#!/usr/bin/env node
/** node spec/support/simulator: see --help and docs/guide/simulator.md */
import { fail, ready } from "../common/process.js";
import { demo } from "./demo.js";
import { Office } from "./office.js";
import { HELP, options } from "./options.js";
import { start } from "./simulator.js";

try {
  const given = options(process.argv.slice(2));
  if (given.help) {
    process.stdout.write(HELP);
  } else {
    const { sim, where } = await start(given);
    for (const token of given.tokens) sim.tokens.add(token);
    if (given.demo) demo(sim, given.demo);
    if (given.office) new Office(sim, given.seed).run();
    ready(where);
  }
} catch (error) {
  fail(error);
}
