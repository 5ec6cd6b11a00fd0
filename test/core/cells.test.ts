import assert from "node:assert/strict";
import onnxProto from "onnx-proto";
import { openEncoder } from "../../core/encoder-session.ts";
import { AppError } from "../../core/errors.ts";
import { readOnnx } from "../../core/model.ts";
import { readModel } from "../../core/model-folder.ts";
import { onlyOutput, withoutCells } from "../../core/onnx-outputs.ts";
import { packageRoot } from "../../core/paths.ts";
import { normalised } from "../../core/vector.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

describe("the cells of an encoder's session", () => {
  it("of the default encoder: their mean is the embedding", async () => {
    const session = await openEncoder(await readModel(`${packageRoot()}/models`, "default"), { threads: 1 });
    const { width, height } = session.card.input;
    const pixels = Uint8Array.from({ length: 2 * width * height * 3 }, (_, i) => (i * 31 + (i >> 7)) % 256);
    const embeddings = await session.embed(pixels, 2);
    const cells = await session.cells(pixels, 2);
    await session.close();
    const D = session.card.dimensions;
    const count = cells.width * cells.height;
    assert.deepEqual([cells.width, cells.height, cells.vectors.length], [7, 7, 2 * count * D]);
    for (let n = 0; n < 2; n++) {
      const sum = new Float32Array(D);
      for (let i = 0; i < count * D; i++) sum[i % D]! += cells.vectors[n * count * D + i]! / count;
      for (const [d, value] of normalised(sum).entries()) {
        assert.ok(Math.abs(value - embeddings[n * D + d]!) < 1e-5, `entry ${d} of image ${n}`);
      }
    }
  });

  it("are refused in words where the model has none", async () => {
    const { folder, remove } = await temporaryFolder();
    const session = await openEncoder(await writeTinyModel(folder, "tiny"), { threads: 1 });
    const { width, height } = session.card.input;
    await assert.rejects(
      session.cells(new Uint8Array(width * height * 3), 1),
      (error) => error instanceof AppError && error.code === "no_cells" && /Export the model again/.test(error.message),
    );
    await session.close();
    await remove();
  });

  it("cost an embedding nothing: the session for embeddings has none of their nodes", async () => {
    const bytes = await readOnnx(await readModel(`${packageRoot()}/models`, "default"));
    const operators = (onnx: Uint8Array) => onnxProto.onnx.ModelProto.decode(onnx).graph!.node!.length;
    const { embedding, cells } = withoutCells(bytes);
    assert.ok(operators(embedding) < operators(onlyOutput(bytes, "cells")), "fewer than the cells take");
    assert.equal(cells, bytes);
    const twice = withoutCells(embedding);
    assert.deepEqual([twice.embedding, twice.cells], [embedding, undefined]);
    const none = new Uint8Array([255, 1, 2]);
    assert.equal(withoutCells(none).embedding, none);
  });
});
