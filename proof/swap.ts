// npm run proof:swap -- [--json] [--swaps n] [--images n] [--no-kills] [--model <folder> --model <folder>]
//
// Continuous searches, uploads, deletes and changes of metadata through swaps and through kill -9 in every state of a
// swap; then the audit of every acknowledged operation. Exit code 0 only where nothing was found.
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { SAMPLES, sourceOf } from "../cli/demo/samples.ts";
import type { Model } from "../core/model.ts";
import { readModel } from "../core/model-folder.ts";
import { startCli } from "../support/run-cli.ts";
import { writeTinyModel } from "../support/tiny-model.ts";
import { countFindings } from "./findings.ts";
import { ALL_KILLS, runProof } from "./run.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    swaps: { type: "string", default: "20" },
    images: { type: "string", default: "5000" },
    /** Leaves the kills out. */
    "no-kills": { type: "boolean", default: false },
    /** Twice: folders of two models. Without it two are trained for a quarter of a minute each. */
    model: { type: "string", multiple: true },
  },
});

const folder = await mkdtemp(join(tmpdir(), "moco-search-proof-"));
try {
  const originals = join(folder, "originals");
  const began = performance.now();
  const tell = (words: string) =>
    console.error(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${words}`);
  const models = values.model
    ? await Promise.all(values.model.map((path) => readModel(dirname(resolve(path)), basename(path))))
    : [await train(originals, "first", 1), await train(originals, "second", 2)];
  const [first, second] = models;
  if (!first || !second || first.card.name === second.card.name) throw new Error("Expected two models of two names.");
  const outcome = await runProof({
    folder,
    models: [first, second],
    collapsed: await writeTinyModel(originals, "collapsed", { collapsed: true }),
    images: Number(values.images),
    swaps: Number(values.swaps),
    kills: values["no-kills"] ? [] : ALL_KILLS,
    idleMs: 3000,
    tell,
  });
  console.log(JSON.stringify(outcome, undefined, values.json ? undefined : 2));
  if (countFindings(outcome) > 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function train(models: string, name: string, seed: number): Promise<Model> {
  const flags = ["--name", name, "--seed", String(seed), "--minutes", "0.25", "--models", models];
  const run = ["--run", join(folder, `run-${name}`)];
  const child = startCli(["train", sourceOf("collection", SAMPLES), ...flags, ...run], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`Training the model "${name}" ended with exit code ${code}.`);
  return readModel(models, name);
}
