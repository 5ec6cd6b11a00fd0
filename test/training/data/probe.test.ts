import assert from "node:assert/strict";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { medianSide } from "../../../training/data/probe.ts";
import { png, tar, withFolder, writeFiles } from "./fixtures.ts";

describe("medianSide", () => {
  it("is that of the smaller sides of the first images of each source that can be decoded", () =>
    withFolder(async (folder) => {
      const archive: Record<string, Uint8Array> = {};
      for (let i = 10; i < 30; i++) archive[`${i}.png`] = await png(0, 0, 0, i, 2 * i);
      await writeFiles(folder, {
        "images/1.png": await png(0, 0, 0, 40, 30),
        "images/2.png": Buffer.from("broken"),
        "empty/.keep": Buffer.alloc(0),
        "x.tar.gz": gzipSync(await tar(archive)),
      });
      const [images, empty, tarGz] = ["images", "empty", "x.tar.gz"].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      assert.equal(await medianSide([images]), 30);
      assert.equal(await medianSide([tarGz], 5), 12);
      assert.equal(await medianSide([images, tarGz], 5), 13); // 10, 11, 12, 13, 14 and 30
      assert.equal(await medianSide([empty]), undefined);
    }));
});
