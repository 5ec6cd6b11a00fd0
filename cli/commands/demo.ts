// moco-search demo: everything once on the sample images: store, search, train, swap under traffic, search again. It
// happens in a temporary folder that is removed at the end.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import pMap from "p-map";
import { type Client, createClient } from "../../client/index.ts";
import { AppError } from "../../core/errors.ts";
import { readModel } from "../../core/model-folder.ts";
import { readWeights, train } from "../../training/index.ts";
import { pixelPrecision, servedPrecision } from "../demo/precision.ts";
import { type DemoOutcome, report } from "../demo/report.ts";
import { groupByLabel, readSamples, SAMPLES, type Sample, sourceOf } from "../demo/samples.ts";
import { type Server, startServer } from "../demo/server.ts";
import { activateUnderTraffic } from "../demo/traffic.ts";
import { describeReport } from "../follow-swap.ts";
import { showProgress } from "../progress.ts";
import { trainingDisplay } from "../train/display.ts";

const IMAGES_PER_UPLOAD = 20;

/** `moco-search demo`. */
export const command = new Command("demo")
  .description(
    "Starts a server in a temporary folder, stores the sample images, searches, trains on them, swaps the new model in under traffic and searches again.",
  )
  .option("--minutes <number>", "how long to train", "1")
  .option(
    "--samples <folder>",
    "a folder or .tar.gz of collection/<label>/*.png and queries/<label>/*.png (default: the package's own)",
  )
  .option("--json", "print the outcome as one line of JSON at the end of stdout")
  .addHelpText("after", "\nExample:\n  $ moco-search demo")
  .action(async ({ json, minutes, samples }: { json?: true; minutes: string; samples?: string }) => {
    const outcome = await runDemo(Number(minutes), samples ?? SAMPLES);
    if (!json) return console.log(report(outcome));
    const { precision, ...rest } = outcome;
    const { pixels, before, after } = precision;
    const precisionAt10 = { pixels: pixels.overall, before: before.overall, after: after.overall };
    console.log(JSON.stringify({ ...rest, precisionAt10 }));
  });

async function runDemo(minutes: number, samples: string): Promise<DemoOutcome> {
  if (!(minutes > 0))
    throw new AppError("invalid_configuration", `Expected --minutes above 0 but received ${minutes}.`);
  const folder = await mkdtemp(join(tmpdir(), "moco-search-demo-"));
  const models = join(folder, "models");
  let server: Server | undefined;
  try {
    tell("Starting a server with the default model …");
    server = await startServer(join(folder, "data"), models);
    const client = createClient(server.url);
    const [collection, queries] = await Promise.all([
      readSamples("collection", samples),
      readSamples("queries", samples),
    ]);

    tell(`Storing ${collection.length} images …`);
    const uploadSeconds = await secondsOf(() => upload(client, collection));

    tell(`Searching with ${queries.length} images that are not stored …`);
    const before = await servedPrecision(client, queries);
    const pixels = await pixelPrecision(collection, queries);

    tell(
      `Training on the stored images for about ${minutes === 1 ? "a minute" : `${minutes} minutes`}, without their labels …`,
    );
    const display = trainingDisplay();
    const { metrics } = await train({
      images: [sourceOf("collection", samples)],
      name: "retrained",
      modelsFolder: models,
      runFolder: join(folder, "run"),
      cacheFolder: join(folder, "cache"),
      budget: { minutes },
      init: await readWeights(await readModel(models, "default")),
      onEvent: display.show,
    }).finally(display.stop);

    tell("Swapping to the new model while clients search …");
    const swap = await activateUnderTraffic(client, "retrained", queries);
    if (swap.report) console.error(describeReport(swap.report));

    tell("Searching again …");
    const after = await servedPrecision(client, queries);
    return {
      trainImagesPerSecond: round(metrics!.imagesPerSecond),
      precision: { pixels, before: before.precision, after: after.precision },
      uploadImagesPerSecond: round(collection.length / uploadSeconds),
      searchMsMedian: round(after.msMedian),
      swapSeconds: round(swap.seconds),
      requestsDuringSwap: swap.requests,
      failedDuringSwap: swap.failed,
    };
  } finally {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Stores all images with their labels as metadata, a few requests at a time. */
async function upload(client: Client, images: readonly Sample[]): Promise<void> {
  const requests = [...groupByLabel(images).values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / IMAGES_PER_UPLOAD) }, (_, i) =>
      group.slice(i * IMAGES_PER_UPLOAD, (i + 1) * IMAGES_PER_UPLOAD),
    ),
  );
  const display = showProgress("storing", "images");
  let stored = 0;
  await pMap(
    requests,
    async (files) => {
      stored += (await client.storeImages(files, { metadata: { label: files[0]!.label } })).images.length;
      display.update(stored, images.length);
    },
    { concurrency: 4 },
  ).finally(display.stop);
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

const round = (value: number) => Math.round(value * 100) / 100;
const tell = (text: string) => console.error(`\n${text}`);
