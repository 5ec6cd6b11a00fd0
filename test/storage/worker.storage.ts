// A worker embeds for a swap of servers whose storage it shares, without answering anybody.
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { decodeImage } from "../../core/decode.ts";
import { openEncoder } from "../../core/encoder-session.ts";
import { sha256 } from "../../core/hash.ts";
import { type Model, readOnnx } from "../../core/model.ts";
import { openSharedStorage } from "../../server/storage/open-shared.ts";
import type { Storage } from "../../server/storage/ports.ts";
import { png } from "../../support/pictures.ts";
import { createDatabase } from "../../support/postgres.ts";
import { runCli, startCli } from "../../support/run-cli.ts";
import { S3_KEYS, type S3Server, startS3Server } from "../../support/s3-server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

const IMAGES = 70;

describe("a worker", function () {
  this.timeout(300_000);
  let s3: S3Server;
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let storage: Storage;
  let first: Model;
  let second: Model;
  before(async () => {
    Object.assign(process.env, S3_KEYS);
    [s3, database, folder] = await Promise.all([startS3Server(), createDatabase(), temporaryFolder()]);
    const logger = pino({ level: "silent" });
    storage = await openSharedStorage({ database: database.url, files: s3.url }, logger);
    const models = join(folder.folder, "models");
    first = await writeTinyModel(models, "first", { seed: 1 });
    second = await writeTinyModel(models, "second", { seed: 2, dimensions: 24, size: 24 });
    for (const model of [first, second]) await storage.models.put(model.card.sha256, await readOnnx(model));
  });
  after(async () => {
    await storage.close();
    await Promise.all([s3.close(), database.remove(), folder.remove()]);
  });

  /** The embeddings of the pictures 0 to `IMAGES` − 1, computed here. */
  const embed = async (model: Model): Promise<Float32Array[]> => {
    const encoder = await openEncoder(model);
    const embeddings: Float32Array[] = [];
    for (let n = 0; n < IMAGES; n++) {
      embeddings.push(await encoder.embed(await decodeImage(await png(n), model.card.input), 1));
    }
    await encoder.close();
    return embeddings;
  };

  it("embeds what a swap lacks, as the model does, and ends when it is told to", async () => {
    const { catalogue } = storage;
    const { encoder } = await catalogue.generations.addFirst(first.card);
    for (const [n, vector] of (await embed(first)).entries()) {
      const bytes = await png(n);
      const image = { sha256: sha256(bytes), type: "png", width: 1, height: 1, bytes: bytes.length } as const;
      await storage.images.put(image.sha256, bytes);
      await catalogue.images.add({ ...image, metadata: {} }, new Map([[encoder, vector]]));
    }
    const swap = await catalogue.swaps.begin(second.card, { force: true });
    const candidate = (await catalogue.generations.get(swap.generation))!;
    const place = ["--database", database.url, "--files", s3.url, "--threads", "1"];
    const worker = startCli(["work", ...place], { stdio: ["ignore", "ignore", "inherit"] });
    const exited = once(worker, "exit");

    await sleep(3000);
    assert.equal((await catalogue.embeddings.tally(candidate.encoder)).embedded, 0, "it embeds before it is asked");
    await catalogue.swaps.enter(swap.id, "backfilling");
    for (let look = 0; (await catalogue.embeddings.tally(candidate.encoder)).embedded < IMAGES; look++) {
      assert.ok(look < 1000, "the worker has not embedded all images in 200 seconds");
      await sleep(200);
    }
    for (const [n, right] of (await embed(second)).entries()) {
      const content = (await catalogue.contents.number(sha256(await png(n))))!;
      const stored = (await catalogue.embeddings.get(candidate.encoder, content))!;
      assert.ok(
        right.every((value, i) => Math.abs(value - stored[i]!) < 1e-4),
        `picture ${n}`,
      );
    }
    worker.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });

  it("says what it needs", async () => {
    const { code, stderr } = await runCli(["work"]);
    assert.equal(code, 1);
    assert.match(stderr, /Expected the database and the files that the servers share/);
  });
});
