import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../../core/hash.ts";
import { readOnnx } from "../../core/model.ts";
import type { ModelCard } from "../../core/model-card.ts";
import { keepEvaluation, listModels, readModel, WEIGHTS_FILE, writeModel } from "../../core/model-folder.ts";
import { withFolder, writeFiles } from "../training/data/fixtures.ts";

const onnx = Buffer.from("weights");

const card = (changes: Partial<ModelCard> = {}): ModelCard => ({
  format: "moco-search-model",
  formatVersion: 1,
  name: "clothes",
  version: "1",
  sha256: sha256(onnx),
  input: { width: 32, height: 32, fit: "fill", mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
  dimensions: 128,
  architecture: "resnet",
  licence: "MIT",
  createdAt: "2024-01-01T00:00:00Z",
  ...changes,
});

describe("sha256", () => {
  it("is that of FIPS 180", () => {
    assert.equal(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

describe("writeModel", () => {
  it("writes a model that reads back as it was", () =>
    withFolder(async (folder) => {
      const models = join(folder, "models");
      const written = await writeModel(models, card(), { onnx });
      assert.deepEqual(written, { card: card(), onnxPath: join(models, "clothes/encoder.onnx") });
      assert.deepEqual(await readModel(models, "clothes"), written);
      assert.deepEqual(await readOnnx(written), onnx);
      assert.deepEqual(await readdir(models), ["clothes"]);
    }));

  it("writes the weights beside it where there are any", () =>
    withFolder(async (folder) => {
      await writeModel(folder, card(), { onnx, weights: Buffer.from("tensors") });
      assert.equal(await readFile(join(folder, "clothes", WEIGHTS_FILE), "utf8"), "tensors");
    }));

  it("refuses a name that is taken, and keeps the old model", () =>
    withFolder(async (folder) => {
      await writeModel(folder, card(), { onnx });
      await assert.rejects(writeModel(folder, card({ version: "2" }), { onnx }), { code: "model_exists" });
      assert.equal((await readModel(folder, "clothes")).card.version, "1");
      assert.deepEqual(await readdir(folder), ["clothes"]);
    }));

  it("replaces a model where asked to, and leaves nothing of the old one", () =>
    withFolder(async (folder) => {
      await writeModel(folder, card(), { onnx });
      const other = Buffer.from("other weights");
      const model = await writeModel(
        folder,
        card({ version: "2", sha256: sha256(other) }),
        { onnx: other },
        { replace: true },
      );
      assert.equal(model.card.version, "2");
      assert.deepEqual(await readOnnx(model), other);
      assert.deepEqual(await readdir(folder), ["clothes"]);
      await writeModel(folder, card({ name: "new" }), { onnx }, { replace: true });
      assert.deepEqual((await readdir(folder)).sort(), ["clothes", "new"]);
    }));

  it("keeps the old model where the new one cannot be written", () =>
    withFolder(async (folder) => {
      await writeModel(folder, card(), { onnx });
      await assert.rejects(writeModel(folder, { ...card(), dimensions: 0 }, { onnx }, { replace: true }));
      assert.equal((await readModel(folder, "clothes")).card.dimensions, 128);
      assert.deepEqual(await readdir(folder), ["clothes"]);
    }));

  it("never writes outside the folder of models", () =>
    withFolder(async (folder) => {
      const models = join(folder, "models");
      for (const name of ["../outside", "a/b", "", ".hidden"]) {
        await assert.rejects(writeModel(models, card({ name }), { onnx }), { code: "invalid_model" });
      }
      assert.deepEqual(await readdir(folder), []);
    }));

  it("never writes a model whose checksum is not that of its card", () =>
    withFolder(async (folder) => {
      await assert.rejects(writeModel(folder, card(), { onnx: Buffer.from("others") }), { code: "invalid_model" });
      assert.deepEqual(await readdir(folder), []);
    }));
});

describe("keepEvaluation", () => {
  it("adds to the card, in place of an earlier one on the same images", () =>
    withFolder(async (folder) => {
      const kept = (images: string, knn: number) => ({ images, measures: { knn } });
      await writeModel(folder, card(), { onnx });
      for (const evaluation of [kept("photos", 0.25), kept("paintings", 0.5), kept("photos", 0.75)]) {
        await keepEvaluation(await readModel(folder, "clothes"), evaluation);
      }
      const { evaluations, ...rest } = (await readModel(folder, "clothes")).card;
      assert.deepEqual(evaluations, [kept("paintings", 0.5), kept("photos", 0.75)]);
      assert.deepEqual(rest, card());
      assert.deepEqual((await readdir(join(folder, "clothes"))).sort(), ["encoder.onnx", "model.json"]);
    }));
});

describe("readModel", () => {
  it("says so where there is no such model", () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, "file"), "");
      for (const name of ["missing", "file", "..", "a/b", ""]) {
        await assert.rejects(readModel(folder, name), { code: "model_not_found" }, name);
      }
    }));

  it("refuses a card that is not JSON, not valid, of another version or of another model", () =>
    withFolder(async (folder) => {
      const { dimensions, ...incomplete } = card();
      for (const [text, problem] of [
        ["{", /not JSON/],
        [JSON.stringify(incomplete), /dimensions/],
        [JSON.stringify({ ...card(), formatVersion: 2 }), /formatVersion/],
        [JSON.stringify({ ...card(), input: { ...card().input, std: [0, 1, 1] } }), /input\.std/],
        [JSON.stringify({ ...card(), input: { ...card().input, width: 0 } }), /input\.width/],
        [JSON.stringify({ ...card(), sha256: "none" }), /sha256/],
        [JSON.stringify(card({ name: "other" })), /"other"/],
      ] as const) {
        await writeFiles(folder, { "clothes/model.json": Buffer.from(text) });
        await assert.rejects(readModel(folder, "clothes"), { code: "invalid_model", message: problem });
      }
    }));
});

describe("readOnnx", () => {
  it("refuses a missing file and one that is not the card's", () =>
    withFolder(async (folder) => {
      const model = await writeModel(folder, card(), { onnx });
      await writeFile(model.onnxPath, "changed");
      await assert.rejects(readOnnx(model), { code: "invalid_model", message: /SHA-256/ });
      await rm(model.onnxPath);
      await assert.rejects(readOnnx(model), { code: "invalid_model", message: /no readable/ });
    }));
});

describe("listModels", () => {
  it("lists every model by name, with the reason where one cannot be used, and nothing that is not a model", () =>
    withFolder(async (folder) => {
      await writeModel(folder, card({ name: "b" }), { onnx });
      await writeModel(folder, card({ name: "a" }), { onnx });
      await mkdir(join(folder, "broken"));
      await mkdir(join(folder, "half.0123456789ab.tmp"));
      await mkdir(join(folder, ".git"));
      await writeFile(join(folder, "README.md"), "");
      const found = await listModels(folder);
      assert.deepEqual(
        found.map(({ name }) => name),
        ["a", "b", "broken", "default"],
      );
      assert.deepEqual(
        found.map((entry) => ("model" in entry ? entry.model.card.name : entry.error.code)),
        ["a", "b", "model_not_found", "default"],
      );
    }));

  it("finds a model again under the name that its folder was given only if the card agrees", () =>
    withFolder(async (folder) => {
      await writeModel(folder, card(), { onnx });
      await rename(join(folder, "clothes"), join(folder, "renamed"));
      const entry = (await listModels(folder)).find(({ name }) => name === "renamed");
      assert.ok(entry && "error" in entry && entry.error.code === "invalid_model");
    }));

  it("has the models of the package, unless the folder has others of their names", () =>
    withFolder(async (folder) => {
      const packaged = await readModel("/no/such/folder", "default");
      assert.deepEqual(await readOnnx(packaged).then(sha256), packaged.card.sha256);
      assert.deepEqual(await listModels("/no/such/folder"), [{ name: "default", model: packaged }]);
      const own = await writeModel(folder, card({ name: "default" }), { onnx });
      assert.deepEqual(await readModel(folder, "default"), own);
      assert.deepEqual(await listModels(folder), [{ name: "default", model: own }]);
    }));

  it("writes cards that people can read", () =>
    withFolder(async (folder) => {
      await writeModel(folder, card(), { onnx });
      assert.match(
        await readFile(join(folder, "clothes/model.json"), "utf8"),
        /^{\n {2}"format": "moco-search-model",\n/,
      );
    }));
});

describe("a folder of models that somebody else fills", () => {
  it("a named pipe, a folder, a device or a huge file in place of a card is refused at once", () =>
    withFolder(async (folder) => {
      await writeModel(folder, card(), { onnx });
      const put: Record<string, (path: string) => unknown> = {
        pipe: (path) => execFileSync("mkfifo", [path]),
        folder: (path) => mkdir(path),
        device: (path) => symlink("/dev/zero", path),
        huge: (path) => writeFile(path, " ").then(() => truncate(path, 2 ** 33)),
      };
      for (const [name, make] of Object.entries(put)) {
        await mkdir(join(folder, name));
        await make(join(folder, name, "model.json"));
        await assert.rejects(readModel(folder, name), { code: "invalid_model" }, name);
      }
      const errors = (await listModels(folder)).filter((entry) => "error" in entry).map(({ name }) => name);
      assert.deepEqual(errors, ["device", "folder", "huge", "pipe"]);
      await rm(join(folder, "clothes/encoder.onnx"));
      execFileSync("mkfifo", [join(folder, "clothes/encoder.onnx")]);
      await assert.rejects(readOnnx(await readModel(folder, "clothes")), { code: "invalid_model" });
    })).timeout(20_000);

  it("a link to a model's folder is listed, as it can be used; other links are not", () =>
    withFolder(async (folder) => {
      const elsewhere = join(folder, "elsewhere");
      const models = join(folder, "models");
      await writeModel(elsewhere, card(), { onnx });
      await mkdir(models);
      await symlink(join(elsewhere, "clothes"), join(models, "clothes"));
      await symlink(join(folder, "nowhere"), join(models, "dangling"));
      await symlink("/dev/zero", join(models, "device"));
      assert.equal((await readModel(models, "clothes")).card.name, "clothes");
      const names = (await listModels(models)).map(({ name }) => name);
      assert.ok(names.includes("clothes"));
      assert.ok(!names.includes("dangling") && !names.includes("device"));
    }));
});
