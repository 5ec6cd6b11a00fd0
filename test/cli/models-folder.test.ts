// Away from a clone, as an installed package is used.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../core/paths.ts";
import { start } from "../../server/index.ts";
import { runCli } from "../../support/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

describe("the models folder", () => {
  it("is ./models for what is written, and has the package's default model behind it", async () => {
    const { folder, remove } = await temporaryFolder();
    const packaged = await readdir(join(packageRoot(), "models"));
    const { onnxPath } = await writeTinyModel(join(folder, "elsewhere"), "tiny");
    await runCli(["add", onnxPath, "--name", "mine", "--size", "16"], { cwd: folder });
    assert.deepEqual(await readdir(join(folder, "models")), ["mine"]);
    assert.deepEqual(await readdir(join(packageRoot(), "models")), packaged);
    const server = await start({
      data: join(folder, "data"),
      models: join(folder, "models"),
      port: 0,
      threads: 1,
      logLevel: "silent",
    });
    assert.equal(server.model, "default");
    const { models } = (await (await fetch(`${server.url}/v1/models`)).json()) as { models: Array<{ name: string }> };
    assert.ok(["default", "mine"].every((name) => models.some((model) => model.name === name)));
    await server.close();
    await remove();
  });
});
