import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { isIdxName, readIdx } from "../../../training/data/idx.ts";
import { idx, withFolder } from "./fixtures.ts";

const read = async (folder: string, name: string, content: Uint8Array) => {
  const path = join(folder, name);
  await writeFile(path, content);
  const items = [];
  for await (const item of readIdx(path)) items.push(item);
  return items;
};

describe("readIdx", () => {
  it("reads images, plain and gzipped, and labels", () =>
    withFolder(async (folder) => {
      const images = idx([2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
      const expected = [
        { count: 2, shape: [2, 3], bytes: Uint8Array.of(0, 1, 2, 3, 4, 5) },
        { count: 2, shape: [2, 3], bytes: Uint8Array.of(6, 7, 8, 9, 10, 11) },
      ];
      assert.deepEqual(await read(folder, "a-idx3-ubyte", images), expected);
      assert.deepEqual(await read(folder, "a-idx3-ubyte.gz", gzipSync(images)), expected);
      const labels = await read(folder, "a-idx1-ubyte", idx([3], [7, 8, 9]));
      assert.deepEqual(
        labels.map((item) => item.bytes[0]),
        [7, 8, 9],
      );
    }));

  it("reads items that straddle the chunks of a large file", () =>
    withFolder(async (folder) => {
      const content = Buffer.alloc(700 * 5000).map((_, i) => (i * 31 + (i >> 8)) & 255);
      const items = await read(folder, "a-idx2-ubyte.gz", gzipSync(idx([700, 5000], content)));
      assert.equal(items.length, 700);
      assert.ok(Buffer.concat(items.map((item) => item.bytes)).equals(content));
    }));

  it("refuses a file that is no idx file, a truncated one, one that is too long and a broken gzip", () =>
    withFolder(async (folder) => {
      const whole = idx([2, 2, 2], new Uint8Array(8));
      for (const [name, content] of [
        ["text-ubyte", Buffer.from("hello world, this is text")],
        ["empty-ubyte", Buffer.alloc(0)],
        ["float-ubyte", Buffer.concat([Buffer.from([0, 0, 0x0d, 1, 0, 0, 0, 1]), Buffer.alloc(4)])],
        ["short-ubyte", whole.subarray(0, -1)],
        ["long-ubyte", Buffer.concat([whole, Buffer.alloc(1)])],
        ["longer-ubyte", Buffer.concat([whole, Buffer.alloc(9)])],
        ["broken-ubyte.gz", gzipSync(whole).subarray(0, -4)],
        ["plain-ubyte.gz", whole],
      ] as const) {
        await assert.rejects(read(folder, name, content), { code: "invalid_dataset" }, name);
      }
    }));
});

describe("readIdx of a small file that stands for a large one", () => {
  const zeros = gzipSync(Buffer.alloc(64 * 2 ** 20));
  /** A header, and 64 MB of zeros many times: gzip files may be put one after another. */
  const bomb = (dimensions: number[], times: number) =>
    Buffer.concat([gzipSync(idx(dimensions, [])), ...Array<Buffer>(times).fill(zeros)]);

  it("refuses images of more than 50 million pixels by the header", () =>
    withFolder(async (folder) => {
      const began = performance.now();
      for (const dimensions of [[1, 60_000, 60_000], [1, 8000, 8000, 3], Array(200).fill(2)]) {
        await assert.rejects(read(folder, "a-ubyte.gz", bomb(dimensions, 100)), {
          code: "invalid_dataset",
          message: /at most 50 million pixels/,
        });
      }
      assert.ok(performance.now() - began < 5000);
    }));

  it("refuses more than the header says at once, in the memory of one item", () =>
    withFolder(async (folder) => {
      const before = process.memoryUsage().rss;
      await assert.rejects(read(folder, "a-ubyte.gz", bomb([1, 4], 100)), {
        code: "invalid_dataset",
        message: /1 items .* has more/,
      });
      const grownMb = (process.memoryUsage().rss - before) / 2 ** 20;
      assert.ok(grownMb < 100, `memory grew by ${grownMb} MB`);
    }));

  it("joins the chunks of a large item once", () =>
    withFolder(async (folder) => {
      const [item] = await read(folder, "a-ubyte.gz", bomb([1, 64, 2 ** 20], 1));
      assert.equal(item!.bytes.length, 64 * 2 ** 20);
    }));
});

describe("isIdxName", () => {
  it("knows the names in use", () => {
    for (const name of ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz", "train-images.idx3-ubyte", "a.idx"]) {
      assert.ok(isIdxName(name), name);
    }
    for (const name of ["a.tar.gz", "idx", "photos", "a.png"]) assert.ok(!isIdxName(name), name);
  });
});
