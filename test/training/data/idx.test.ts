import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { isIdxName, readIdx } from "../../../training/data/idx.ts";

const header = (...dimensions: number[]) => {
  const bytes = Buffer.alloc(4 + 4 * dimensions.length);
  bytes[2] = 8;
  bytes[3] = dimensions.length;
  dimensions.forEach((length, i) => {
    bytes.writeUInt32BE(length, 4 + 4 * i);
  });
  return bytes;
};

describe("readIdx", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "idx-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = async (name: string, content: Uint8Array) => {
    const path = join(folder, name);
    await writeFile(path, content);
    const items = [];
    for await (const item of readIdx(path)) items.push(item);
    return items;
  };

  it("reads images, plain and gzipped, and labels", async () => {
    const images = Buffer.concat([header(2, 2, 3), Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])]);
    const expected = [
      { count: 2, shape: [2, 3], bytes: Uint8Array.of(0, 1, 2, 3, 4, 5) },
      { count: 2, shape: [2, 3], bytes: Uint8Array.of(6, 7, 8, 9, 10, 11) },
    ];
    assert.deepEqual(await read("a-idx3-ubyte", images), expected);
    assert.deepEqual(await read("a-idx3-ubyte.gz", gzipSync(images)), expected);
    const labels = await read("a-idx1-ubyte", Buffer.concat([header(3), Buffer.from([7, 8, 9])]));
    assert.deepEqual(
      labels.map((item) => item.bytes[0]),
      [7, 8, 9],
    );
  });

  it("reads items that straddle the chunks of a large file", async () => {
    const content = Buffer.alloc(700 * 5000).map((_, i) => (i * 31 + (i >> 8)) & 255);
    const items = await read("a-idx2-ubyte.gz", gzipSync(Buffer.concat([header(700, 5000), content])));
    assert.equal(items.length, 700);
    assert.ok(Buffer.concat(items.map((item) => item.bytes)).equals(content));
  });

  it("refuses a file that is no idx file, a truncated one, one that is too long and a broken gzip", async () => {
    const whole = Buffer.concat([header(2, 2, 2), Buffer.alloc(8)]);
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
      await assert.rejects(read(name, content), { code: "invalid_dataset" }, name);
    }
  });
});

describe("isIdxName", () => {
  it("knows the names in use", () => {
    for (const name of ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz", "train-images.idx3-ubyte", "a.idx"]) {
      assert.ok(isIdxName(name), name);
    }
    for (const name of ["a.tar.gz", "idx", "photos", "a.png"]) assert.ok(!isIdxName(name), name);
  });
});
