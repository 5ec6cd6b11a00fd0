import assert from "node:assert/strict";
import { dot } from "../../core/vector.ts";
import { png } from "../../support/pictures.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";
import { AppError, openEmbedder } from "../../training/index.ts";

describe("an embedder", () => {
  it("embeds image files in process, and refuses what is none with an AppError", async () => {
    const { folder, remove } = await temporaryFolder();
    await writeTinyModel(folder, "tiny");
    const { card, embed, close } = await openEmbedder("tiny", { modelsFolder: folder, threads: 1 });
    const [one, two, again] = await embed([await png(1), await png(2), await png(1)]);
    assert.equal(one!.length, card.dimensions);
    assert.ok(Math.abs(dot(one!, again!) - 1) < 1e-5 && dot(one!, two!) < 0.999);
    assert.deepEqual(await embed([]), []);
    await assert.rejects(embed([Buffer.from("no image at all")]), (error) => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, "unsupported_image_type");
      return true;
    });
    await close();
    await assert.rejects(openEmbedder("none", { modelsFolder: folder }), { code: "model_not_found" });
    await remove();
  });
});
